// Keeps a page fresh part by part: a part that has not changed is not touched, so that nothing that is being looked at
// moves. Parts are marked with `data-live` and a name.
"use strict";

import { listen, localTimes, page, say, throttled } from "/static/live.js";

const main = () => document.querySelector("main");

async function refresh() {
  try {
    const next = await page(location.href);
    const changed = [];
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = next.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (now === null || now.innerHTML === part.innerHTML) continue;
      if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
      part.replaceChildren(...now.childNodes);
      localTimes(part);
      if (part.dataset.said !== undefined) changed.push(part.dataset.said);
    }
    main().dataset.version = next.querySelector("main").dataset.version;
    if (changed.length) say(`Changed: ${changed.join(", ")}.`);
  } catch {
    lost();
  }
}

function lost() {
  say("The daemon does not answer: this page may be old.");
}

localTimes(document);
for (const time of document.querySelectorAll("[data-live]")) localTimes(time);
if (main().dataset.version !== "") {
  listen({ shown: () => main().dataset.version, changed: throttled(refresh, 2000), lost });
}
