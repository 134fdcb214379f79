// The scroll bar of a series: how much of each slice is affected, which slices show most, and where the reader is.
"use strict";

const MARKS = 10;

export class Strip {
  /** `chosen(index)` is called with the slice that the reader points at. */
  constructor(element, chosen) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.slices === undefined) return;
      this.canvas.setPointerCapture(event.pointerId);
      chosen(this.at(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.canvas.hasPointerCapture(event.pointerId)) chosen(this.at(event));
    });
  }

  /** Show the slices of a series. */
  set(slices) {
    this.slices = slices;
    this.canvas.height = slices.length;
    this.element.setAttribute("aria-valuemax", String(slices.length));
    this.element.hidden = slices.length < 2;
  }

  at(event) {
    const { top, height } = this.canvas.getBoundingClientRect();
    const index = Math.floor(((event.clientY - top) / height) * this.slices.length);
    return Math.min(Math.max(index, 0), this.slices.length - 1);
  }

  /** Draw the bars. Paler where there is too little lesion for the slice to count: at the apex a few pixels are all
      lung there is. Key slices have a mark at the right. */
  draw() {
    const { width, height } = this.canvas;
    const colours = getComputedStyle(this.element);
    const colour = (name) => colours.getPropertyValue(name);
    const tall = Math.ceil(height / 240);
    this.context.clearRect(0, 0, width, height);
    for (const [row, slice] of this.slices.entries()) {
      if (slice.share === null) continue;
      const room = width - MARKS - 2;
      this.context.fillStyle = colour("--lung");
      this.context.fillRect(0, row, room, 1);
      this.context.fillStyle = colour(slice.is_affected ? "--affected" : "--little");
      this.context.fillRect(0, row, slice.share > 0 ? Math.max(1, Math.round(slice.share * room)) : 0, 1);
    }
    this.context.fillStyle = colour("--key");
    for (const [row, slice] of this.slices.entries()) {
      if (slice.is_key) this.context.fillRect(width - MARKS, row - tall + 1, MARKS, 2 * tall - 1);
    }
  }

  /** Mark the slice that is shown, in words too. */
  mark(index, words) {
    this.element.style.setProperty("--at", String((index + 0.5) / this.slices.length));
    this.element.setAttribute("aria-valuenow", String(index + 1));
    this.element.setAttribute("aria-valuetext", words);
  }
}
