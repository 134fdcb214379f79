// What a drag, a wheel or two fingers do with the images, by the tool that the reader has chosen. Knows no keys.
"use strict";

import { moved } from "/static/reading/greys.js";

const BUTTON_TOOLS = { 1: "move", 2: "window" };
const [LEAST_PIXELS, MOST_PIXELS] = [3, 14];

export class Tools {
  constructor(reader) {
    this.reader = reader;
    this.begun = null;
  }

  /** Scroll a pane: the slices, or the plane through the point; the earlier study alone with the shift key. */
  wheel(pane, steps, event) {
    const { reader } = this;
    if (event.shiftKey && pane === reader.panes.earlier) {
      reader.offsetMm -= 5 * steps;
      reader.schedule();
    } else this.scroll(pane, steps);
  }

  scroll(pane, steps, from = this.place()) {
    const { reader } = this;
    if (pane === reader.panes.coronal) reader.showPoint({ x: from.x, y: from.y + steps });
    else if (pane === reader.panes.sagittal) reader.showPoint({ x: from.x + steps, y: from.y });
    else reader.show(from.index + steps);
  }

  place() {
    return { ...this.reader.point, index: this.reader.index };
  }

  zoom(pane, factor, x, y) {
    if (pane.image === null) return;
    pane.zoomBy(factor, x, y);
    this.reader.schedule();
  }

  move(pane, dx, dy) {
    if (pane.image === null) return;
    pane.moveBy(dx, dy);
    this.reader.schedule();
  }

  drag(pane, phase, event, button) {
    if (pane.image === null) return;
    const at = pane.at(event.clientX, event.clientY);
    if (phase === "begin") {
      const tool = BUTTON_TOOLS[button] ?? this.reader.tool;
      const { clientX: x, clientY: y } = event;
      this.begun = { tool, x, y, lastX: x, lastY: y, from: this.place(), window: this.reader.window, at };
      if (tool === "distance" || tool === "value") this.begun.measure = this.reader.measures.begin(tool, pane.image, at);
    }
    if (this.begun === null) return;
    this.go(pane, event, at);
    [this.begun.lastX, this.begun.lastY] = [event.clientX, event.clientY];
    if (phase !== "end") return;
    const { measure } = this.begun;
    if (measure?.kind === "distance" && measure.from === measure.to) this.reader.measures.remove();
    this.begun = null;
    this.reader.schedule();
  }

  go(pane, event, at) {
    const { tool, lastX, lastY, measure } = this.begun;
    const [dx, dy] = [event.clientX - lastX, event.clientY - lastY];
    if (tool === "scroll") this.drawn(pane, event);
    else if (tool === "window") this.windowed(event);
    else if (tool === "zoom") this.zoom(pane, Math.exp(-dy / 150), this.begun.x, this.begun.y);
    else if (tool === "move") this.move(pane, dx, dy);
    else if (tool === "point") this.pointed(pane, at);
    else if (at.x !== measure.from.x || at.y !== measure.from.y) measure.to = at;
    this.reader.schedule();
  }

  /** Scroll by a drag; over the height of the image it goes through the series, if that has few slices. */
  drawn(pane, event) {
    const { height } = pane.canvas.getBoundingClientRect();
    const pixels = Math.min(MOST_PIXELS, Math.max(LEAST_PIXELS, height / this.reader.stack.count));
    this.scroll(pane, Math.trunc((event.clientY - this.begun.y) / pixels), this.begun.from);
  }

  /** Widen the window to the right, and raise its centre downwards: the image gets darker. */
  windowed(event) {
    const { window: begun, x, y } = this.begun;
    const perPixel = Math.max(0.5, (begun.upper - begun.lower) / 400);
    this.reader.window = moved(begun, (event.clientY - y) * perPixel, (event.clientX - x) * perPixel);
  }

  /** Take a point of a pane as the one that the other planes go through. */
  pointed(pane, at) {
    const { reader } = this;
    if (pane === reader.panes.coronal) reader.showPoint({ x: at.x, y: reader.point.y }, Math.floor(at.y));
    else if (pane === reader.panes.sagittal) reader.showPoint({ x: reader.point.x, y: at.x }, Math.floor(at.y));
    else if (pane === reader.panes.axial) reader.showPoint(at);
  }
}
