// Lets everything be done from the keyboard, and sends what is done without leaving the page.
"use strict";

import { say } from "/static/live.js";

const ACTS = { r: "reading", d: "done", p: "pin", "+": "raise", "-": "lower", u: "undo" };
const rows = () => [...document.querySelectorAll("#worklist tbody tr")];
const help = document.getElementById("help");

/** Do what a button says; what the server answers is said, and the page hears of the change as of any other. */
async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("kind", button.value);
  const named = form.closest("tr")?.querySelector(".person")?.textContent ?? "the study";
  try {
    const answer = await fetch(`/api/studies/${encodeURIComponent(form.dataset.uid)}/actions`, { method: "POST", body: fields });
    const said = await answer.json();
    say(answer.ok ? `${button.textContent.trim()}: ${named}.` : said.detail);
  } catch {
    say("The daemon does not answer: nothing was done.");
  }
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
  const within = row ?? (document.getElementById("worklist") === null ? document : null);
  const button = within?.querySelector(`button[data-act="${name}"]`);
  if (button) send(button.form, button);
  else say(within === null ? "Choose a study first: j and k." : "That cannot be done with this study now.");
}

function key(event) {
  const inField = event.target.closest?.("input:not([type=checkbox]), select, textarea, dialog[open]");
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (inField) {
    if (event.key === "Escape" && inField.matches("input")) inField.blur();
    return;
  }
  const list = document.getElementById("worklist") !== null || help !== null;
  if (event.key in ACTS) act(ACTS[event.key]);
  else if (!list) return;
  else if (event.key === "j" || event.key === "ArrowDown") step(1);
  else if (event.key === "k" || event.key === "ArrowUp") step(-1);
  else if (event.key === "/") document.querySelector("#filters input[type=search]").focus();
  else if (event.key === "o") document.querySelector("#by-triage:not([aria-current]), #by-arrival:not([aria-current])").click();
  else if (event.key === "?") help.showModal();
  else return;
  event.preventDefault();
}

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
