// Tells a page that the list has changed: at once by server-sent events, or by asking now and then where those do not
// come. A page that nobody looks at does not listen. Knows nothing of what a page shows.
"use strict";

const RECONNECT_MS = 30000;
const SIGNED_IN_MS = 60000;

/** Call `changed(version)` with each new token of the list, and `lost()` when the daemon does not answer. */
export function listen({ shown, changed, lost }) {
  const every = Number(document.body.dataset.refresh) * 1000;
  let source = null;
  let polling = null;
  let reconnecting = null;

  function heard(version) {
    if (version === shown()) return;
    changed(version);
    document.dispatchEvent(new Event("triaged-version"));
  }

  async function ask() {
    try {
      const answer = await fetch("/api/version", { cache: "no-store" });
      leaveIfSignedOut(answer);
      if (!answer.ok) throw new Error(String(answer.status));
      heard(String((await answer.json()).version));
    } catch {
      lost();
    }
  }

  function poll() {
    if (polling === null) polling = setInterval(ask, every);
  }

  function stopPolling() {
    clearInterval(polling);
    polling = null;
  }

  function connect() {
    clearTimeout(reconnecting);
    source = new EventSource("/events");
    source.addEventListener("open", stopPolling);
    source.addEventListener("version", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      poll();
      if (source !== null && source.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, RECONNECT_MS);
    });
  }

  function disconnect() {
    clearTimeout(reconnecting);
    stopPolling();
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { if (source === null) connect(); }
    else if (document.documentElement.dataset.notices === undefined) disconnect();  // nobody is to be told
  });
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
  setInterval(ask, SIGNED_IN_MS);  // a session can end while nothing else happens
}

/** Say something to everybody, also to who listens to the page instead of looking at it. */
export function say(words) {
  const news = document.getElementById("news");
  if (news.textContent !== words) news.textContent = words;
}

/** Leave a page that may not be seen any more: the session has ended, and patients are named on it. */
function leaveIfSignedOut(answer) {
  if (answer.status === 401) location.reload();
}

/** Return another page, or this one as it is now; it does not count as something that a person did. */
export async function page(url) {
  const headers = { Accept: "text/html", "Triaged-Unattended": "1" };
  const answer = await fetch(url, { cache: "no-store", headers });
  leaveIfSignedOut(answer);
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

const two = (number) => String(number).padStart(2, "0");
const isToday = (at) => at.toDateString() === new Date().toDateString();

/** Return a moment by the clock of this place: the whole of it, or hours and minutes with the day where it is not today. */
function byTheClock(at, whole) {
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (whole) return `${day} ${clock}:${two(at.getSeconds())}`;
  return isToday(at) ? clock : `${day.slice(5)} ${clock}`;
}

/** Show every moment by the clock of this place, with UTC as its title; a duration gets the moment as its title. */
export function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const said = time.textContent;
    const at = new Date(time.dateTime);
    if (time.dataset.utc !== undefined || Number.isNaN(at.getTime())) continue;
    if (said.endsWith(" UTC")) {
      time.dataset.utc = said;
      time.title = said;
      time.textContent = byTheClock(at, said.length > "00:00 UTC".length);
    } else {
      time.title = byTheClock(at, true);
    }
  }
}

/** Run `work` for the latest call alone, with a pause between two runs. */
export function throttled(work, pause) {
  let running = false;
  let again = false;
  return async function run() {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await work();
      await new Promise((resolve) => { setTimeout(resolve, pause); });
    }
    running = false;
  };
}
