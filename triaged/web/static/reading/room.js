// Opens the images of a study for a reader: buttons, keys, and what happens to the study meanwhile.
"use strict";

import { say } from "/static/live.js";
import { Cine } from "/static/reading/cine.js";
import { PRESETS } from "/static/reading/greys.js";
import { listen } from "/static/reading/gestures.js";
import { Reader } from "/static/reading/reader.js";
import { listed } from "/static/reading/stack.js";
import { Tools } from "/static/reading/tools.js";

const KEPT = "reading";
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 };
const ROOM_FOR_TWO = 900;

class Room {
  constructor(element, list) {
    this.element = element;
    this.reader = new Reader(element, list);
    this.tools = new Tools(this.reader);
    this.cine = new Cine(this.reader);
    this.help = document.getElementById("reading-help");
    for (const pane of Object.values(this.reader.panes)) {
      listen(pane, {
        wheel: (...done) => this.tools.wheel(...done),
        zoom: (...done) => this.tools.zoom(...done),
        move: (...done) => this.tools.move(...done),
        drag: (...done) => this.tools.drag(...done),
      });
    }
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-command]");
      if (button !== null) this.does(button.dataset.command);
    });
    element.querySelector("[name=cine-speed]").addEventListener("change", (event) => {
      this.cine.perSecond = Number(event.target.value);
    });
    document.addEventListener("keydown", (event) => this.key(event));
    for (const [name, on] of Object.entries(remembered())) if (name in this.reader.shows) this.reader.toggle(name, on);
    this.tell();
    this.openEarlier();
  }

  /** Do what a button or its key says. */
  does(command) {
    const { reader, cine } = this;
    const [kind, name] = command.split(":");
    if (kind === "window") reader.window = PRESETS[name];
    else if (kind === "tool") reader.tool = name;
    else if (kind === "show") {
      reader.toggle(name);
      remember({ ...remembered(), [name]: reader.shows[name] });
    } else if (kind === "fit") reader.fit();
    else if (kind === "cine") cine.set(!cine.running);
    else if (kind === "remove" && !reader.measures.remove()) say("There is no measure to remove.");
    else if (kind === "help") this.help.showModal();
    reader.schedule();
    this.tell();
  }

  /** Say on the buttons what is on. */
  tell() {
    const { reader, cine } = this;
    for (const button of this.element.querySelectorAll("[data-command]")) {
      const [kind, name] = button.dataset.command.split(":");
      const on = { tool: reader.tool === name, show: reader.shows[name], cine: cine.running }[kind];
      if (on !== undefined) button.setAttribute("aria-pressed", String(on));
      if (name === "earlier") button.disabled = reader.earlier === null;
    }
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("input, select, textarea, dialog[open]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const { reader } = this;
    const button = this.element.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
    if (event.key in STEPS) reader.show(reader.index + STEPS[event.key]);
    else if (event.key === "Home") reader.show(0);
    else if (event.key === "End") reader.show(reader.stack.count - 1);
    else if (event.key === "Backspace") this.does("remove");
    else if (button !== null) {
      if (!button.disabled && button.offsetParent !== null) this.does(button.dataset.command);
    } else return;
    event.preventDefault();
  }

  async openEarlier() {
    const { earlier: base } = this.element.dataset;
    if (base === undefined) return;
    const said = this.element.querySelector(".says-earlier");
    await this.reader.stack.firstCame;  // the reader waits for this study, not for the one before
    try {
      const list = await listed(base);
      if (list.modality !== this.reader.list.modality) throw new Error("it is another kind of image");
      this.reader.addEarlier(base, list);
      if (remembered().earlier === undefined) this.reader.toggle("earlier", this.element.clientWidth >= ROOM_FOR_TWO);
    } catch (error) {
      said.textContent = `The images of the earlier study cannot be shown: ${error.message}`;
    }
    this.tell();
  }

  /** Look whether the study has another result by now; its outlines, and perhaps its slices, are then others. */
  async renew() {
    try {
      const list = await listed(this.element.dataset.slices);
      if (list.result === this.reader.list.result) return;
      this.reader.set(list);
      this.reader.show(this.reader.index);
      say("This study has a new result: the outlines are those of the new one.");
    } catch (error) {
      say(`The images cannot be shown any more: ${error.message}`);
    }
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function remember(shows) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(shows));
  } catch {
    // a browser that keeps nothing asks again for each study
  }
}

async function open(element) {
  try {
    const room = new Room(element, await listed(element.dataset.slices));
    const results = document.querySelector("[data-live=results]");
    new MutationObserver(() => room.renew()).observe(results, { childList: true });
  } catch (error) {
    element.dataset.came = "no";
    element.querySelector("output").textContent = `The images cannot be shown: ${error.message}`;
  }
}

for (const element of document.querySelectorAll(".viewer")) open(element);
