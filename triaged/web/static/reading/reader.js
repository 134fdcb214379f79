// The images of a study before a reader: which slice, through which window, with what beside it. Knows no keys and no
// server; what is done by mouse and finger is told by `gestures.js` to `tools.js`.
"use strict";

import { matched } from "/static/reading/beside.js";
import { PRESETS, words as windowWords } from "/static/reading/greys.js";
import { Measures } from "/static/reading/measures.js";
import { Pane } from "/static/reading/pane.js";
import { Parts } from "/static/reading/parts.js";
import { coronal, sagittal } from "/static/reading/planes.js";
import { bitsOf } from "/static/reading/regions.js";
import { Stack } from "/static/reading/stack.js";
import { Strip } from "/static/reading/strip.js";
import { affected, described } from "/static/reading/words.js";

const CROSS = "#ff9d5c";

export class Reader {
  constructor(element, list) {
    this.element = element;
    this.output = element.querySelector("output");
    this.measures = new Measures();
    this.shows = { contour: true, fill: false, lungs: false, planes: false, earlier: false };
    this.tool = "scroll";
    this.offsetMm = 0;
    this.direction = 1;
    this.earlier = null;
    const together = { zoom: 1, x: 0, y: 0 };
    const views = { axial: together, earlier: together, coronal: { zoom: 1, x: 0, y: 0 }, sagittal: { zoom: 1, x: 0, y: 0 } };
    this.panes = {};
    for (const figure of element.querySelectorAll("[data-pane]")) {
      const name = figure.dataset.pane;
      this.panes[name] = new Pane(figure, views[name], (pane) => this.over(name, pane));
    }
    this.strip = new Strip(element.querySelector(".strip"), (index) => this.show(index));
    this.set(list);
    this.window = this.isCt ? PRESETS.lung : { name: "as sent", lower: list.window_hu[0], upper: list.window_hu[1] };
    this.point = { x: list.columns / 2, y: list.rows / 2 };
    this.isPointed = false;
    this.show(this.index);
  }

  get isCt() {
    return this.list.modality === "CT";
  }

  /** Take a list of images: at first, and again when the study has another result. */
  set(list) {
    this.list = list;
    this.stack = new Stack(this.element.dataset.slices, list, (index) => this.arrived(index));
    this.stack.wantsAll = this.shows.planes;
    this.bits = bitsOf(list.regions);
    this.element.dataset.modality = list.modality;
    this.index = Math.min(this.index ?? list.first, list.slices.length - 1);
    this.drawing = null;
    this.parts = list.whole === null ? null : new Parts(this.element.dataset.slices, list.whole, () => this.schedule());
    this.strip.set(list.slices);
    this.strip.draw();
    const bound = this.stack.fits ? "" : ` This browser keeps ${this.stack.most} of ${this.stack.count} slices at a time.`;
    this.element.querySelector(".affected-slices").textContent = `${affected(list)}${bound}`;
    if (!this.isCt && list.has_contour) this.draw(`${this.element.dataset.slices}/0/contour.png`);
  }

  /** Have the outlines of an X-ray drawn over it. */
  async draw(address) {
    const answer = await fetch(address, { cache: "no-store" });
    if (answer.status !== 200) return;
    this.drawing = await createImageBitmap(await answer.blob());
    this.schedule();
  }

  /** Put an earlier study of the patient beside this one. */
  addEarlier(base, list) {
    this.earlier = new Stack(base, list, () => this.schedule());
    this.earlierBits = bitsOf(list.regions);
    this.layOut();
  }

  /** Show a slice, and have those ready that come next. */
  show(wanted) {
    const index = Math.min(Math.max(Math.round(wanted), 0), this.stack.count - 1);
    if (index !== this.index) this.direction = Math.sign(index - this.index);
    this.index = index;
    this.stack.retry(index);
    this.stack.want(index, this.direction);
    this.strip.mark(index, described(this.list, index));
    this.schedule();
  }

  /** Show what lies at a point, in pixels of a slice. */
  showPoint(point, index = this.index) {
    const within = (value, most) => Math.min(Math.max(value, 0), most - 0.01);
    this.point = { x: within(point.x, this.list.columns), y: within(point.y, this.list.rows) };
    this.show(index);
  }

  arrived(index) {
    if (index === this.index || this.shows.planes) this.schedule();
  }

  /** Draw once before the screen is next painted, however much has changed until then. */
  schedule() {
    this.scheduled ??= requestAnimationFrame(() => {
      this.scheduled = undefined;
      this.paint();
    });
  }

  paint() {
    this.paintAxial();
    if (this.shows.planes && this.isCt) {
      this.panes.coronal.show(coronal(this.stack, Math.floor(this.point.y)), this.window, this.regions(this.bits));
      this.panes.sagittal.show(sagittal(this.stack, Math.floor(this.point.x)), this.window, this.regions(this.bits));
    }
    if (this.shows.earlier && this.earlier !== null) this.paintEarlier();
    for (const each of this.element.querySelectorAll(".says-window")) {
      each.textContent = `${windowWords(this.window)} · zoom ${this.panes.axial.view.zoom.toFixed(1)}`;
    }
  }

  paintAxial() {
    const { axial } = this.panes;
    const failure = this.stack.failures.get(this.index);
    const image = this.image(this.stack, this.index, "this");
    axial.element.classList.toggle("waits", image === null && failure === undefined);
    if (image !== null) {
      this.pointAtLesion(image);
      axial.show({ ...image, drawing: this.drawing, parts: this.parts }, this.window, this.regions(this.bits));
      axial.canvas.dataset.shown = String(this.index);
    } else if (failure !== undefined) {
      axial.image = null;
      axial.draw();
      axial.canvas.dataset.shown = "";
    } else return;
    this.element.dataset.came = "yes";  // what else the page shows may come now
    this.output.textContent = described(this.list, this.index) + (failure === undefined ? "" : `: ${failure}`);
    const slice = this.list.slices[this.index];
    axial.element.querySelector(".says-slice").textContent = this.isCt
      ? `${this.index + 1} / ${this.stack.count} · ${slice.position_mm.toFixed(1)} mm` : "";
  }

  /** Begin with the planes through the lesion of the worse side, until the reader points elsewhere. */
  pointAtLesion({ labels, columns }) {
    if (this.isPointed || labels === null) return;
    this.isPointed = true;
    const sides = [{ count: 0, x: 0, y: 0 }, { count: 0, x: 0, y: 0 }];
    labels.forEach((label, at) => {
      if ((label & this.bits.lesion) === 0) return;
      const side = sides[at % columns < columns / 2 ? 0 : 1];
      side.count += 1;
      side.x += at % columns;
      side.y += Math.floor(at / columns);
    });
    const { count, x, y } = sides[0].count >= sides[1].count ? sides[0] : sides[1];
    if (count > 0) this.point = { x: x / count + 0.5, y: y / count + 0.5 };
  }

  paintEarlier() {
    const { earlier: pane } = this.panes;
    const { index, by } = matched(this.list, this.index, this.earlier.list, this.offsetMm);
    this.earlier.want(index, this.direction);
    const image = this.image(this.earlier, index, "earlier");
    const failure = this.earlier.failures.get(index);
    pane.element.classList.toggle("waits", image === null && failure === undefined);
    if (image !== null) {
      pane.show(image, this.window, this.regions(this.earlierBits));
      pane.canvas.dataset.shown = String(index);
    }
    const moved = this.offsetMm === 0 ? "" : `, moved ${this.offsetMm} mm`;
    pane.element.querySelector(".says-slice").textContent =
      failure ?? `${index + 1} / ${this.earlier.count} · same ${by}${moved}`;
  }

  /** Return a slice as a pane takes it; null where it has not come. */
  image(stack, index, whose) {
    const values = stack.values(index);
    if (values === null) return null;
    const { columns, rows, column_mm: columnMm, row_mm: rowMm } = stack.list;
    const unit = this.isCt ? "HU" : "of 255";
    return {
      key: `${whose} ${index}`, columns, rows, column_mm: columnMm, row_mm: rowMm, unit, values,
      labels: stack.labels(index), drawing: null,
    };
  }

  regions(bits) {
    return { lesion: this.shows.contour, fill: this.shows.fill, lungs: this.shows.lungs, bits };
  }

  /** Draw the lines of the other planes, and measures. */
  over(name, pane) {
    if (this.shows.planes && this.isCt && name !== "earlier") this.cross(name, pane);
    this.measures.draw(pane);
  }

  cross(name, pane) {
    const at = { axial: this.point, coronal: { x: this.point.x, y: this.index + 0.5 }, sagittal: { x: this.point.y, y: this.index + 0.5 } };
    const { x, y } = pane.on(at[name]);
    const { context, canvas } = pane;
    const gap = 12 * (window.devicePixelRatio || 1);
    context.strokeStyle = CROSS;
    context.lineWidth = window.devicePixelRatio || 1;
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [[0, y, x - gap, y], [x + gap, y, canvas.width, y], [x, 0, x, y - gap], [x, y + gap, x, canvas.height]]) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
  }

  /** Switch something on or off, and have the panes there that are looked at. */
  toggle(name, on = !this.shows[name]) {
    this.shows[name] = on;
    if (name === "planes") {
      this.stack.wantsAll = on;
      this.stack.want(this.index, this.direction);
    }
    this.layOut();
  }

  layOut() {
    this.element.dataset.planes = this.shows.planes && this.isCt ? "yes" : "no";
    this.element.dataset.earlierShown = this.shows.earlier && this.earlier !== null ? "yes" : "no";
    this.schedule();
  }

  /** Show every image whole again. */
  fit() {
    for (const { view } of Object.values(this.panes)) Object.assign(view, { zoom: 1, x: 0, y: 0 });
    this.schedule();
  }
}
