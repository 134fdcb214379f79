// Lets everything be done from the keyboard on every page, and sends what is done without leaving it; after the last
// word on a study the next one opens.
"use strict";

import { say } from "/static/live.js";
import { forget, listAddress, nextAddress, remembered, rememberDone } from "/static/place.js";

const ACTS = { r: "reading", d: "done", p: "pin", "+": "raise", "-": "lower", u: "undo" };
const STEPS = { j: "after", k: "before", n: "first" };
const rows = () => [...document.querySelectorAll("#worklist tbody tr")];
const help = document.getElementById("help");
const isList = () => location.pathname === "/";
const study = document.querySelector("[data-room] .offers")?.dataset.uid ?? null;

async function post(uid, fields) {
  const answer = await fetch(`/api/studies/${encodeURIComponent(uid)}/actions`, { method: "POST", body: fields });
  return { ok: answer.ok, said: await answer.json() };
}

/** Do what a button says; what the server answers is said, and the page hears of the change as of any other. */
async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("kind", button.value);
  const named = form.closest("tr")?.querySelector(".person")?.textContent ?? "this study";
  const words = button.dataset.act === "reading" ? button.title.replace(/ \(.\)$/, "") : button.textContent.trim();
  try {
    const { ok, said } = await post(form.dataset.uid, fields);
    say(ok ? `${words}: ${named}.` : said.detail);
    if (ok && button.value === "DONE" && study !== null) {
      rememberDone({ uid: form.dataset.uid, csrf: fields.get("csrf") });
      location.assign(nextAddress("first", form.dataset.uid));
    }
  } catch {
    say("The daemon does not answer: nothing was done.");
  }
}

/** Offer to put back what was done on the page before this one. */
function offerUndo() {
  const done = remembered("done");
  forget("done");
  if (done === null || done.uid === study) return;
  say("Done: the study before. ");
  const button = document.createElement("button");
  button.id = "put-back";
  button.textContent = "Put it back";
  button.title = "Take the last step back, and open that study (U)";
  button.addEventListener("click", async () => {
    try {
      const { ok, said } = await post(done.uid, new URLSearchParams({ csrf: document.body.dataset.csrf, kind: "UNDONE" }));
      if (ok) location.assign(`/studies/${encodeURIComponent(done.uid)}`);
      else say(said.detail);
    } catch {
      say("The daemon does not answer: nothing was done.");
    }
  });
  document.getElementById("news").append(button);
}

function step(by) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next].querySelector("a").focus();
  all[next].scrollIntoView({ block: "nearest" });
}

function act(name) {
  const row = document.activeElement.closest("#worklist tr");
  const within = row ?? (isList() ? null : document);
  const button = within?.querySelector(`button[data-act="${name}"]`);
  if (button) send(button.form, button);
  else if (isList()) say(within === null ? "Choose a study first: j and k." : "That cannot be done with this study now.");
  else if (study !== null) say("That cannot be done with this study now.");
}

/** Do what a key says on the list alone; tell whether it does anything there. */
function keyOfList(key) {
  if (key === "j" || key === "ArrowDown") step(1);
  else if (key === "k" || key === "ArrowUp") step(-1);
  else if (key === "/") document.querySelector("#filters input[type=search]").focus();
  else if (key === "o") document.querySelector("#by-triage:not([aria-current]), #by-arrival:not([aria-current])").click();
  else return false;
  return true;
}

function key(event) {
  const inField = event.target.closest?.("input:not([type=checkbox]), select, textarea, dialog[open]");
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (inField) {
    if (event.key === "Escape" && inField.matches("input")) inField.blur();
    return;
  }
  if (event.key in ACTS && (isList() || study !== null)) act(ACTS[event.key]);
  else if (isList() && keyOfList(event.key)) { /* done */ }
  else if (event.key in STEPS) location.assign(nextAddress(STEPS[event.key], study ?? ""));
  else if (event.key === "l" && !isList()) location.assign(listAddress());
  else if (event.key === "U" && document.getElementById("put-back")) document.getElementById("put-back").click();
  else if (event.key === "?" && help !== null) help.showModal();
  else return;
  event.preventDefault();
}

// A click on a row chooses it, also where nothing can hover; a second one opens it.
document.addEventListener("click", (event) => {
  const row = event.target.closest("#worklist tbody tr");
  if (row === null || event.target.closest("a, button, input, summary") || String(getSelection()) !== "") return;
  row.querySelector("a").focus({ preventScroll: true });
});
document.addEventListener("dblclick", (event) => {
  const row = event.target.closest("#worklist tbody tr");
  if (row !== null && !event.target.closest("a, button, input")) row.querySelector("a").click();
});
document.addEventListener("keydown", key);
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".offers") || event.submitter === null) return;
  event.preventDefault();
  // A click is no choice of a row: only the keyboard's focus keeps a row in its place.
  if (!event.submitter.matches(":focus-visible")) event.submitter.blur();
  send(event.target, event.submitter);
});
document.getElementById("help-open")?.addEventListener("click", () => help.showModal());
document.getElementById("filters")?.addEventListener("change", (event) => {
  if (event.target.matches("select, input[type=checkbox]")) event.currentTarget.requestSubmit();
});
for (const link of document.querySelectorAll(".onward .step")) link.href = nextAddress(link.dataset.step, study ?? "");
for (const link of document.querySelectorAll(".onward .to-list")) link.href = listAddress();
offerUndo();
