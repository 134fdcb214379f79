// Moves the rows of the list as the order changes, and says so. A row under the pointer, with the focus, or being read
// stays where it is on the screen, and so do the first rows in sight while the pointer is in the list.
"use strict";

import { listen, localTimes, page, say, throttled } from "/static/live.js";
import { arranged, changes } from "/static/order.js";

const TOP_ROWS = 3;
const PAUSE_MS = 1000;
const main = () => document.querySelector("main");
const body = () => document.querySelector("#worklist tbody");
const rows = () => [...(body()?.children ?? [])];
const uidOf = (row) => row.dataset.uid;
const me = () => document.body.dataset.person;

let latest = rows();
let pointerIn = false;

/** Return the rows that must stay where they are. */
function held() {
  const listed = new Set(latest.map(uidOf));
  const now = rows();
  const found = new Set(now.filter((row) => row.contains(document.activeElement)));
  for (const row of now) if (row.dataset.reading === "yes" && listed.has(uidOf(row))) found.add(row);
  const under = body().querySelector("tr:hover");
  if (under) found.add(under);
  if (pointerIn || under) {
    const end = headEnd();
    now.filter((row) => row.getBoundingClientRect().top >= end).slice(0, TOP_ROWS).forEach((row) => found.add(row));
  }
  return found;
}

function headEnd() {
  return Math.max(0, document.querySelector("#worklist thead th").getBoundingClientRect().bottom) - 1;
}

/** Put the rows into the order that came last, as far as nobody is disturbed; return how many were kept back. */
function arrange() {
  const now = rows();
  const keep = held();
  const anchor = body().querySelector("tr:hover") ?? now.find((row) => row.contains(document.activeElement));
  const top = anchor?.getBoundingClientRect().top;
  const known = new Map(now.map((row) => [uidOf(row), row]));
  const wanted = latest.map(uidOf);
  const order = arranged(wanted, now.map(uidOf), new Set([...keep].map(uidOf)));
  const coming = new Map(latest.map((row) => [uidOf(row), row]));
  const stay = new Set(order);
  for (const row of now) if (!stay.has(uidOf(row))) row.remove();
  order.forEach((uid, index) => {
    const row = known.get(uid) ?? coming.get(uid);
    if (known.has(uid) && coming.has(uid)) update(row, coming.get(uid));
    row.classList.toggle("gone", !coming.has(uid));
    if (body().children[index] !== row) moveTo(row, index);
  });
  if (anchor !== undefined && anchor.isConnected) steady(anchor, top);
  const shown = order.filter((uid) => coming.has(uid));
  return shown.filter((uid, index) => wanted[index] !== uid && keep.has(known.get(uid))).length;
}

/** Put a row at an index; the focus stays where it is, for it is another row's or comes back. */
function moveTo(row, index) {
  const focus = row.contains(document.activeElement) ? document.activeElement : null;
  body().insertBefore(row, body().children[index] ?? null);
  focus?.focus({ preventScroll: true });
}

/** Bring the cells of a row up to date; a cell that says the same is not touched. */
function update(row, next) {
  if (row === next) return;
  for (const name of ["position", "reading", "reader"]) {
    if (next.dataset[name] !== undefined) row.dataset[name] = next.dataset[name];
  }
  row.className = next.className;
  if (row.cells.length !== next.cells.length) {  // other columns were chosen meanwhile
    row.replaceChildren(...next.childNodes);
    return;
  }
  [...next.cells].forEach((cell, index) => {
    const old = row.cells[index];
    old.className = cell.className;
    if (old.innerHTML === cell.innerHTML) return;
    const key = old.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    old.innerHTML = cell.innerHTML;
    if (key !== undefined) old.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  });
}

/** Keep a row at its height on the screen, whatever came above it. */
function steady(row, top) {
  const off = row.getBoundingClientRect().top - top;
  if (off !== 0) window.scrollBy({ top: off, behavior: "instant" });
  const left = top - row.getBoundingClientRect().top;
  if (left > 0) {
    const room = document.getElementById("room");
    room.style.height = `${room.offsetHeight + left}px`;
  }
}

async function refresh() {
  try {
    const next = await page(location.href);
    localTimes(next);
    const list = next.querySelector("#worklist tbody");
    const before = latest.map(uidOf);
    const mine = new Set(latest.filter((row) => row.dataset.reader === me()).map(uidOf));
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = next.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (now !== null && now.innerHTML !== part.innerHTML) part.replaceChildren(...now.childNodes);
    }
    main().dataset.version = next.querySelector("main").dataset.version;
    if ((list === null) !== (body() === null)) {
      document.getElementById("list").replaceChildren(...next.getElementById("list").childNodes);
      latest = rows();
      watchPointer();
    } else if (list !== null) {
      latest = [...list.children];
    }
    if (body() !== null) tell(changes(latest.map(uidOf), before), arrange(), mine);
  } catch (error) {
    lost(error);
  }
}

function counted(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

/** Say what has changed, and mark the rows that moved. */
function tell({ came, left, moved }, keptBack, mine) {
  const words = latest
    .filter((row) => mine.has(uidOf(row)) && row.dataset.reader !== "" && row.dataset.reader !== me())
    .map((row) => `${row.dataset.reader} took over ${row.querySelector(".person").textContent} from you`);
  if (moved.length) words.push(`${counted(moved.length, "study", "studies")} moved`);
  if (came) words.push(`${came} new`);
  if (left) words.push(`${left} left this page`);
  if (words.length === 0) return;
  const kept = keptBack ? ` ${counted(keptBack, "row stays", "rows stay")} in place while you read.` : "";
  say(`${words.join(", ")}.${kept}`);
  for (const row of rows()) {
    if (!moved.includes(uidOf(row))) continue;
    row.classList.add("moved");
    setTimeout(() => row.classList.remove("moved"), 4000);
  }
}

function lost() {
  say("The daemon does not answer: this list may be old.");
}

/** Show the order as it is once nobody is disturbed by that any more. */
function settle() {
  pointerIn = false;
  document.getElementById("room").style.height = "";
  if (body() !== null) arrange();
}

function watchPointer() {
  const list = document.getElementById("worklist");
  list?.addEventListener("pointerenter", () => { pointerIn = true; });
  list?.addEventListener("pointerleave", settle);
}

export const refreshed = throttled(refresh, PAUSE_MS);

localTimes(document);
watchPointer();
document.addEventListener("focusout", () => setTimeout(() => {
  if (body() === null) return;
  const left = !body().contains(document.activeElement) && !body().matches(":hover");
  if (left || body().querySelector("tr.gone") !== null) arrange();
}));
listen({ shown: () => main().dataset.version, changed: refreshed, lost });
