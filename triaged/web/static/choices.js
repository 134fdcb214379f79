// Shows at once what a person chose, and has it kept for them: light or dark.
"use strict";

import { say } from "/static/live.js";

/** Have what a form says kept; the page stays. */
async function keep(form) {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
    if (!answer.ok && answer.type !== "opaqueredirect") throw new Error(String(answer.status));
  } catch {
    say("The daemon does not answer: this was not kept for the next page.");
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form.theme");
  if (form === null) return;
  const { theme } = Object.fromEntries(new FormData(form));
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelector("meta[name=color-scheme]").content = theme === "system" ? "light dark" : theme;
  keep(form);
});
