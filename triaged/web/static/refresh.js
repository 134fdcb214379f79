// Keeps an open page fresh. Rows never move under the pointer: a new order is announced, and shown once the pointer
// has left the list or the reader asks for it. Without this script the page reloads itself now and then.
"use strict";
(() => {
  const body = document.body;
  const news = document.getElementById("news");
  const every = Number(body.dataset.refresh) * 1000;
  const oldest = 60000;
  let shownAt = Date.now();
  let inList = false;

  const order = () => [...document.querySelectorAll("#worklist [data-uid]")].map((row) => row.dataset.uid);

  function localTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      time.title = new Date(time.dateTime).toLocaleString();
    }
  }

  function say(text, action) {
    news.textContent = text;
    news.hidden = text === "";
    if (action) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Show the new order";
      button.addEventListener("click", action);
      news.append(button);
    }
  }

  async function show() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const before = order();
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("details")].map((details) => details.open);
    document.querySelector("main").replaceWith(next.querySelector("main"));
    document.querySelectorAll("details").forEach((details, at) => { details.open = open[at] === true; });
    shownAt = Date.now();
    localTimes();
    watchPointer();
    const after = order();
    const entered = after.filter((uid) => !before.includes(uid)).length;
    const kept = after.filter((uid) => before.includes(uid));
    const moved = kept.filter((uid, at) => before.filter((old) => after.includes(old))[at] !== uid).length;
    const words = [];
    if (entered) words.push(`${entered} new`);
    if (moved) words.push(`${moved} moved`);
    say(words.length && before.length ? `The order has changed: ${words.join(", ")}.` : "");
  }

  function watchPointer() {
    inList = false;
    const table = document.getElementById("worklist");
    if (!table) return;
    inList = table.matches(":hover");
    table.addEventListener("pointerenter", () => { inList = true; });
    table.addEventListener("pointerleave", () => { inList = false; });
  }

  async function look() {
    try {
      const answer = await fetch("/api/version", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const shown = document.querySelector("main").dataset.version;
      const changed = String((await answer.json()).version) !== shown;
      if (changed && inList) say("The order has changed.", () => { inList = false; show().catch(lost); });
      else if (changed || (!inList && Date.now() - shownAt > oldest)) await show();
    } catch (error) {
      lost();
    }
  }

  function lost() {
    say("The daemon does not answer: this list may be old.");
  }

  localTimes();
  watchPointer();
  setInterval(look, every);
})();
