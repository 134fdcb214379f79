// Tells of new studies of the classes A and B by a desktop notification and a sound, where somebody wants that in this
// browser; both are off until then. No patient is named: others see the screen too.
"use strict";

import { say } from "/static/live.js";

const KEPT = "triaged-notices";
const TOLD = "triaged-told";
const MOST_TOLD = 2000;
const URGENT = "/api/worklist?limit=1000&class=A&class=B";
const panel = document.querySelector(".notices");
let audio = null;

function stored(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

const wanted = () => stored(KEPT, {});
const isOn = () => Boolean(wanted().desktop || wanted().sound);

/** Return the studies of class A and B on the open list, without a patient. */
async function urgent() {
  const answer = await fetch(URGENT, { cache: "no-store", headers: { "Triaged-Unattended": "1" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** Let one tab at a time look for what is new, where the browser can do that. */
function alone(work) {
  return navigator.locks ? navigator.locks.request(TOLD, work) : work();
}

/** Look for studies that nobody was told of; `silent` only takes note of them. */
async function look(silent) {
  try {
    await alone(async () => {
      const told = stored(TOLD, []);
      const known = new Set(told);
      const fresh = (await urgent()).filter((one) => !known.has(one.study_instance_uid));
      if (fresh.length === 0) return;
      localStorage.setItem(TOLD, JSON.stringify([...told, ...fresh.map((one) => one.study_instance_uid)].slice(-MOST_TOLD)));
      if (!silent) tell(fresh);
    });
  } catch {
    // The page says itself that the daemon does not answer.
  }
}

function tell(fresh) {
  if (wanted().sound) beep();
  if (!wanted().desktop || !("Notification" in window) || Notification.permission !== "granted") return;
  for (const one of fresh.slice(0, 3)) {
    const words = `Class ${one.class}, place ${one.position} of the list.`;
    const shown = new Notification("A new study to be read soon", { body: words, tag: one.study_instance_uid });
    shown.onclick = () => {
      window.focus();
      location.assign(`/studies/${encodeURIComponent(one.study_instance_uid)}`);
    };
  }
}

/** Sound two short tones, made here. */
function beep() {
  audio ??= new AudioContext();
  audio.resume();
  [660, 880].forEach((hertz, index) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const begin = audio.currentTime + index * 0.18;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, begin);
    volume.gain.exponentialRampToValueAtTime(0.2, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.16);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + 0.17);
  });
}

/** Keep what somebody ticked; the browser itself is asked only after such a click. */
async function choose(box) {
  const before = isOn();
  let on = box.checked;
  if (on && box.name === "desktop") {
    if (!("Notification" in window)) on = false;
    else if ((await Notification.requestPermission()) !== "granted") on = false;
    if (!on) say("This browser does not show notifications of this page: allow them in its settings, by HTTPS.");
  }
  box.checked = on;
  localStorage.setItem(KEPT, JSON.stringify({ ...wanted(), [box.name]: on }));
  if (!before) await look(true);
  if (on && box.name === "sound") beep();
  listenOn();
}

/** Have the page listen also while nobody looks at it, as long as somebody is to be told. */
function listenOn() {
  if (isOn()) document.documentElement.dataset.notices = "on";
  else delete document.documentElement.dataset.notices;
}

if (panel !== null) {
  panel.hidden = false;
  for (const box of panel.querySelectorAll("input")) {
    box.checked = Boolean(wanted()[box.name]);
    box.addEventListener("change", () => choose(box));
  }
  listenOn();
  document.addEventListener("triaged-version", () => { if (isOn()) look(false); });
}
