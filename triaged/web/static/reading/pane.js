// One image on the screen: drawn through a window, enlarged and moved, with lines over it. An image is
// `{ key, columns, rows, column_mm, row_mm, values, labels, drawing }`; knows neither series nor tools.
"use strict";

import { Greys } from "/static/reading/greys.js";
import { COLOURS, outline, tint } from "/static/reading/regions.js";

const MOST_ZOOM = 32;
const LINE = 1.5;

export class Pane {
  /** `over(pane)` draws lines over the image; the reader's view is shared between panes that are given one `view`. */
  constructor(element, view, over) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    if (this.context === null) throw new Error("this browser cannot draw: it gives no 2D canvas");
    this.source = document.createElement("canvas");
    this.sourceContext = this.source.getContext("2d", { willReadFrequently: true });
    this.greys = new Greys();
    this.view = view;
    this.over = over;
    this.image = null;
    this.paths = { key: null };
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const dots = window.devicePixelRatio || 1;
    const [columns, rows] = [Math.max(1, Math.round(width * dots)), Math.max(1, Math.round(height * dots))];
    if (this.canvas.width === columns && this.canvas.height === rows) return;
    this.canvas.width = columns;
    this.canvas.height = rows;
    this.draw();
  }

  /** Show an image in a window; `regions` says which bits are outlined and tinted. */
  show(image, greyWindow, regions) {
    this.image = image;
    this.regions = regions;
    if (this.source.width !== image.columns || this.source.height !== image.rows || !this.pixels) {
      this.source.width = image.columns;
      this.source.height = image.rows;
      this.pixels = this.sourceContext.createImageData(image.columns, image.rows);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    this.greys.set(greyWindow);
    this.greys.paint(image.values, this.words);
    if (image.labels !== null && regions.fill) tint(this.words, image.labels, regions.bits.lesion, COLOURS.lesion);
    this.sourceContext.putImageData(this.pixels, 0, 0);
    this.draw();
  }

  /** Return how image pixels lie on the canvas: a factor and an offset for each axis, in canvas pixels. */
  get place() {
    const { columns, rows, column_mm: columnMm, row_mm: rowMm } = this.image;
    const [width, height] = [this.canvas.width, this.canvas.height];
    const perMm = Math.min(width / (columns * columnMm), height / (rows * rowMm)) * this.view.zoom;
    const [sx, sy] = [perMm * columnMm, perMm * rowMm];
    return {
      sx, sy, perMm,
      ox: width / 2 - (sx * columns) / 2 + this.view.x * perMm,
      oy: height / 2 - (sy * rows) / 2 + this.view.y * perMm,
    };
  }

  /** Return where a point of the window lies in the image, in its pixels; the first pixel is from 0 to 1. */
  at(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const dots = this.canvas.width / box.width;
    const { sx, sy, ox, oy } = this.place;
    return { x: ((clientX - box.left) * dots - ox) / sx, y: ((clientY - box.top) * dots - oy) / sy };
  }

  /** Return where a point of the image lies on the canvas. */
  on({ x, y }) {
    const { sx, sy, ox, oy } = this.place;
    return { x: ox + sx * x, y: oy + sy * y };
  }

  /** Enlarge around a point of the window. */
  zoomBy(factor, clientX, clientY) {
    const before = this.at(clientX, clientY);
    this.view.zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.view.zoom * factor));
    const after = this.at(clientX, clientY);
    this.view.x += (after.x - before.x) * this.image.column_mm;
    this.view.y += (after.y - before.y) * this.image.row_mm;
  }

  /** Move the image by pixels of the window. */
  moveBy(dx, dy) {
    const dots = this.canvas.width / this.canvas.getBoundingClientRect().width;
    this.view.x += (dx * dots) / this.place.perMm;
    this.view.y += (dy * dots) / this.place.perMm;
  }

  draw() {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.image === null) return;
    const { sx, sy, ox, oy } = this.place;
    context.setTransform(sx, 0, 0, sy, ox, oy);
    context.drawImage(this.source, 0, 0);
    this.image.parts?.draw(this);
    if (this.image.drawing && this.regions.lesion) {
      context.drawImage(this.image.drawing, 0, 0, this.image.columns, this.image.rows);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.outlines(new DOMMatrix([sx, 0, 0, sy, ox, oy]));
    this.over(this);
  }

  outlines(matrix) {
    const { labels, columns, rows, key } = this.image;
    if (!labels) return;
    if (this.paths.key !== key) this.paths = { key };
    for (const name of ["lungs", "lesion"]) {
      if (!this.regions[name]) continue;
      this.paths[name] ??= outline(labels, columns, rows, this.regions.bits[name]);
      const path = new Path2D();
      path.addPath(this.paths[name], matrix);
      this.context.strokeStyle = `rgb(${COLOURS[name].join()})`;
      this.context.lineWidth = (name === "lesion" ? LINE : 1) * (window.devicePixelRatio || 1);
      this.context.stroke(path);
    }
  }
}
