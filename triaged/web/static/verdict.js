// Lets a reader say what they know of a result, by one key on the page of a study, by v and another one there and on the
// list; or take a study as theirs. Tells that a study was opened.
// Knows nothing of how it is kept.
"use strict";

import { say } from "/static/live.js";

const VERDICTS = { a: "agree", h: "too-high", l: "too-low", m: "missed", o: "other-disease", u: "take-back" };
const DIGITS = { 5: "agree", 6: "too-high", 7: "too-low", 8: "missed", 9: "other-disease" };
const WAIT_MS = 5000;
const HINT = "This result: a agree, h too high, l too low, m missed something, o other disease; u take back, n note; t assigns the study to you.";
const part = () => document.getElementById("verdict");
let waiting = null;

function headers() {
  return { "X-CSRF-Token": document.body.dataset.csrf };
}

/** Send something about a study, and say what came of it; the page hears of the change as of any other. */
async function send(uid, what, fields, told) {
  try {
    const address = `/api/studies/${encodeURIComponent(uid)}/${what}`;
    const body = new URLSearchParams(fields);
    // `keepalive`: whoever says it and goes on to the next study has said it all the same.
    const answer = await fetch(address, { method: "POST", body, headers: headers(), keepalive: true });
    const kept = await answer.json();
    say(answer.ok ? told(kept) : kept.detail);
  } catch {
    say("The daemon does not answer: nothing was kept.");
  }
}

const judge = (uid, fields) => send(uid, "verdict", fields, ({ taken_back, verdict }) =>
  (taken_back ? `Taken back: ${words(verdict)}.` : `You say: ${words(verdict)}.`));
const assign = (uid, fields) => send(uid, "assignment", fields, ({ assignee }) =>
  (assignee ? `Assigned to ${assignee}.` : "Assigned to nobody in particular."));
const words = (verdict) => verdict.replace("-", " ");

/** Return the study that a key is about: that of the page, or that of the row with the focus. */
function chosen() {
  const shown = part();
  if (shown !== null) return { uid: shown.dataset.uid, revision: shown.dataset.revision };
  const row = document.activeElement.closest("#worklist [data-uid]");
  return row === null ? null : { uid: row.dataset.uid };
}

function stop() {
  clearTimeout(waiting);
  waiting = null;
}

function second(key) {
  if (key === "n") return note();
  const study = chosen();
  if (study === null || !(key in VERDICTS || key === "t")) return say(study === null ? "Choose a study first: j and k." : HINT);
  if (key === "t") return assign(study.uid, { assignee: "@me" });
  const { uid, ...about } = study;
  return judge(uid, { ...about, verdict: VERDICTS[key] });
}

function note() {
  const field = part()?.querySelector("input[name=note]");
  if (field) field.focus();
  else say("Say first what you know of this result (v, then a, h, l, m or o); then add a note.");
}

function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Shift") return;
  if (event.target.closest?.("input:not([type=checkbox]):not([type=range]), select, textarea, dialog[open]")) return;
  if (waiting === null && part()?.querySelector("button[name=verdict]") && event.key in DIGITS) {
    const { uid, revision } = part().dataset;
    judge(uid, { revision, verdict: DIGITS[event.key] });
    return;
  }
  if (waiting === null && event.key !== "v") return;
  // The second key means nothing else: `o` is not the order of arrival here.
  event.preventDefault();
  event.stopImmediatePropagation();
  if (waiting === null) {
    say(HINT);
    waiting = setTimeout(() => { stop(); say(""); }, WAIT_MS);
    return;
  }
  stop();
  if (event.key === "Escape") say("");
  else second(event.key);
}

async function tellOpened() {
  const uid = part()?.dataset.uid;
  if (uid === undefined || document.hidden) return;
  document.removeEventListener("visibilitychange", tellOpened);
  try {
    await fetch(`/api/studies/${encodeURIComponent(uid)}/opened`, { method: "POST", headers: headers(), keepalive: true });
  } catch {
    // That nobody learns of it costs a figure, and no reader anything.
  }
}

document.addEventListener("keydown", key, { capture: true });
document.addEventListener("visibilitychange", tellOpened);
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".verdicts, .assign")) return;
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target, event.submitter));
  document.activeElement.blur();  // so that the form may show what was kept
  (event.target.matches(".assign") ? assign : judge)(part().dataset.uid, fields);
});
tellOpened();
