// Remembers, for this tab, which list a reader came from and where they were in it, so that going back leads there.
"use strict";

const PREFIX = "triaged-";

/** Return what was remembered under a name in this tab, or null. */
export function remembered(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

export function forget(name) {
  sessionStorage.removeItem(PREFIX + name);
}

function remember(name, value) {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A browser without storage forgets; everything else works.
  }
}

export const rememberDone = (done) => remember("done", done);

/** Return the address of the list that a reader came from, or of the whole one. */
export function listAddress() {
  return `/${remembered("list")?.search ?? ""}`;
}

/** Return where a step leads from a study, in the list that a reader came from. */
export function nextAddress(step, uid) {
  const fields = new URLSearchParams(remembered("list")?.search ?? "");
  fields.delete("page");
  fields.set("step", step);
  fields.set("uid", uid);
  return `/next?${fields}`;
}

const rowOf = (uid) => (uid ? document.querySelector(`#worklist tr[data-uid="${CSS.escape(uid)}"] a[data-key=open]`) : null);

/** Keep where the list is left, and at which row. */
function leave(event) {
  const opened = event?.target?.closest?.("#worklist tr") ?? document.activeElement?.closest("#worklist tr");
  remember("list", { search: location.search, top: window.scrollY, uid: opened?.dataset.uid ?? null });
}

/** Show the list where it was left, where somebody comes back to it from a study. */
function comeBack() {
  const was = remembered("list");
  const back = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const fromStudy = document.referrer !== "" && new URL(document.referrer).pathname.startsWith("/studies/");
  if (was === null || was.search !== location.search || !(back || fromStudy)) return;
  rowOf(was.uid)?.focus({ preventScroll: true });
  window.scrollTo({ top: was.top, behavior: "instant" });
}

if (location.pathname === "/") {
  window.addEventListener("pageshow", comeBack);
  document.addEventListener("click", (event) => { if (event.target.closest("#worklist a")) leave(event); }, true);
  window.addEventListener("pagehide", leave);
}
