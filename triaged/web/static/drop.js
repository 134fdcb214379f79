// Stores files by STOW-RS (PS3.18 10.5), one in each request, so that it can be said of each why it was not kept.

const AT_ONCE = 2;
const MOST_TRIES = 6;
const MOST_LINES = 500;
const FAILURE_REASON = "00081197";
const REASONS = {
  0x0110: "could not be processed",
  0x0111: "was sent before with other content; the first stays",
  0x0122: "is of a kind that is not taken",
  0xa700: "no room for it now, or the store is away",
  0xa900: "is of another study",
  0xc000: "is no DICOM image that can be filed under a study",
  0xc122: "is compressed in a way that is not taken",
};

const zone = document.getElementById("drop");
const parts = {
  sent: zone.querySelector(".drop-sent"),
  said: zone.querySelector(".drop-said"),
  progress: zone.querySelector("progress"),
  refused: zone.querySelector(".drop-refused"),
};
const waiting = [];
const count = { all: 0, kept: 0, refused: 0 };
let working = 0;

function tell() {
  const { all, kept, refused } = count;
  const done = kept + refused;
  parts.sent.hidden = all === 0;
  parts.progress.max = Math.max(all, 1);
  parts.progress.value = done;
  const state = done < all ? `${done} of ${all} files sent` : all === 1 ? "1 file sent" : `${all} files sent`;
  parts.said.textContent = `${state}: ${kept} kept, ${refused} not kept`;
}

function refuse(file, why) {
  count.refused += 1;
  if (parts.refused.childElementCount >= MOST_LINES) return;
  const line = document.createElement("li");
  line.textContent = `${file.webkitRelativePath || file.name} ${why}`;
  parts.refused.append(line);
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

async function post(file) {
  for (let tried = 1; ; tried += 1) {
    const answer = await fetch(zone.dataset.to, {
      method: "POST",
      headers: {
        "Content-Type": "application/dicom",
        Accept: "application/dicom+json",
        "X-CSRF-Token": document.body.dataset.csrf,
      },
      body: file,
    });
    if (answer.status !== 503 || tried === MOST_TRIES) return answer;
    await pause(Number(answer.headers.get("Retry-After")) || 5);
  }
}

function reasonIn(answer) {
  const failed = [answer["00081198"], answer["0008119A"]].flatMap((sequence) => sequence?.Value ?? []);
  const code = failed[0]?.[FAILURE_REASON]?.Value?.[0];
  return REASONS[code] ?? "was refused";
}

async function send(file) {
  try {
    const answer = await post(file);
    if (answer.ok && answer.status === 200) count.kept += 1;
    else if (answer.status === 401) refuse(file, "was not sent: sign in again");
    else {
      const said = await answer.json();
      refuse(file, said.detail ? `was refused: ${said.detail}` : reasonIn(said));
    }
  } catch {
    refuse(file, "did not arrive: the connection was lost, or the file cannot be read");
  }
  tell();
}

async function work() {
  working += 1;
  while (waiting.length) await send(waiting.shift());
  working -= 1;
}

function add(files) {
  if (!working && count.kept + count.refused === count.all) {
    Object.assign(count, { all: 0, kept: 0, refused: 0 });
    parts.refused.replaceChildren();
  }
  waiting.push(...files);
  count.all += files.length;
  tell();
  while (working < Math.min(AT_ONCE, waiting.length)) work();
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const each of some) found.push(...(await filesIn(each)));
  }
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  for (const [entry, file] of entries) {
    if (entry?.isDirectory) add(await filesIn(entry));
    else if (file) add([file]);
  }
}

function brings(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

document.getElementById("drop-files").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = "";
});
document.addEventListener("dragover", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  document.body.classList.add("drop-over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("drop-over");
});
document.addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  document.body.classList.remove("drop-over");
  dropped(event.dataTransfer);
});
addEventListener("beforeunload", (event) => {
  if (working) event.preventDefault();
});
