// Turns the lungs: by drag, slider or arrow keys, through views that were drawn beforehand. Nothing moves by itself.
"use strict";

const PIXELS_PER_VIEW = 8;

class Turning {
  constructor(element) {
    this.base = element.dataset.views;
    this.count = Number(element.dataset.count);
    this.canvas = element.querySelector("canvas");
    this.slider = element.querySelector("input[type=range]");
    this.views = new Map();
    this.dragged = null;
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value) / Number(this.slider.step)));
    this.slider.addEventListener("focus", () => this.ahead());
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.dragged = { x: event.clientX, index: this.index };
      this.ahead();
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.dragged === null || !this.canvas.hasPointerCapture(event.pointerId)) return;
      const turned = Math.round((this.dragged.x - event.clientX) / PIXELS_PER_VIEW);
      this.show(this.dragged.index + turned);
    });
    this.show(0);
  }

  get(index) {
    if (!this.views.has(index)) {
      const view = new Image();
      view.src = `${this.base}/${index + 1}.png`;
      this.views.set(index, view.decode().then(() => view).catch(() => { this.views.delete(index); return null; }));
    }
    return this.views.get(index);
  }

  /** Show a view; they are counted around, so that a turn has no end. */
  async show(wanted) {
    const index = ((wanted % this.count) + this.count) % this.count;
    this.index = index;
    this.slider.value = String(index * Number(this.slider.step));
    const view = await this.get(index);
    if (view === null || this.index !== index) return;
    this.canvas.getContext("2d").drawImage(view, 0, 0);
    this.canvas.shown = index;
  }

  /** Have all views ready, once somebody begins to turn. */
  async ahead() {
    for (let step = 1; step <= this.count / 2; step += 1) {
      for (const near of [this.index + step, this.index - step]) {
        await this.get(((near % this.count) + this.count) % this.count);
      }
    }
  }
}

const turned = new WeakSet();

function start() {
  for (const element of document.querySelectorAll(".turning")) {
    if (turned.has(element)) continue;
    turned.add(element);
    new Turning(element);
  }
}

start();
const part = document.querySelector("[data-live=lungs]");
if (part !== null) new MutationObserver(start).observe(part, { childList: true });  // they are drawn after the result
