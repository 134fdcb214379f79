// Keeps a page fresh part by part: a part that has not changed is not touched, so that nothing that is being looked at
// moves. Parts are marked with `data-live` and a name.
"use strict";

import { listen, localTimes, page, say, throttled } from "/static/live.js";

const main = () => document.querySelector("main");

async function refresh() {
  try {
    const next = await page(location.href);
    localTimes(next);
    const changed = [];
    const known = document.querySelector(".taken") !== null;
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = next.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (now === null || now.innerHTML === part.innerHTML) continue;
      if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
      part.replaceChildren(...now.childNodes);
      if (part.dataset.said !== undefined) changed.push(part.dataset.said);
    }
    main().dataset.version = next.querySelector("main").dataset.version;
    const taken = document.querySelector(".taken");
    if (taken !== null && !known) say(taken.textContent.trim());
    else if (changed.length) say(`Changed: ${changed.join(", ")}.`);
  } catch (error) {
    if (error.message === "404") say("This study is no longer on the list: what is shown here is as it was last.");
    else lost();
  }
}

function lost() {
  say("The daemon does not answer: this page may be old.");
}

/** Say for how long somebody has been reading. */
function tick() {
  for (const timer of document.querySelectorAll("output[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(timer.dataset.since).getTime()) / 1000));
    const words = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (timer.textContent !== words) timer.textContent = words;
  }
}

localTimes(document);
tick();
setInterval(tick, 1000);
if (main().dataset.version !== "") {
  listen({ shown: () => main().dataset.version, changed: throttled(refresh, 500), lost });
}
