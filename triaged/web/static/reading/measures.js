// Distances, and values at a point or in a circle, on the image that is shown; they are kept while the page is open.
"use strict";

const COLOUR = "#7fd4ff";
const POINT_PIXELS = 1.5;

export class Measures {
  constructor() {
    this.of = new Map();
    this.last = [];
  }

  /** Begin a measure of a kind on an image at a point; it is changed until it is done. */
  begin(kind, image, from) {
    const measure = { kind, from, to: from };
    this.list(image.key).push(measure);
    this.last.push([image.key, measure]);
    return measure;
  }

  list(key) {
    if (!this.of.has(key)) this.of.set(key, []);
    return this.of.get(key);
  }

  /** Take the last measure away; tell whether there was one. */
  remove() {
    const [key, measure] = this.last.pop() ?? [];
    if (measure === undefined) return false;
    this.of.set(key, this.list(key).filter((each) => each !== measure));
    return true;
  }

  /** Draw the measures of the image that a pane shows. */
  draw(pane) {
    const dots = window.devicePixelRatio || 1;
    const { context } = pane;
    for (const measure of this.of.get(pane.image.key) ?? []) {
      const [from, to] = [pane.on(measure.from), pane.on(measure.to)];
      context.strokeStyle = COLOUR;
      context.lineWidth = 1.5 * dots;
      context.beginPath();
      if (measure.kind === "distance") {
        context.moveTo(from.x, from.y);
        context.lineTo(to.x, to.y);
      } else {
        const { sx, sy } = pane.place;
        const { x, y } = radii(measure, pane.image);
        context.ellipse(from.x, from.y, Math.max(x * sx, 4 * dots), Math.max(y * sy, 4 * dots), 0, 0, 2 * Math.PI);
      }
      context.stroke();
      label(pane, words(measure, pane.image), to, dots);
    }
  }
}

function label(pane, said, at, dots) {
  const { context, canvas } = pane;
  context.font = `${13 * dots}px system-ui, "Liberation Sans", sans-serif`;
  const width = context.measureText(said).width;
  const x = Math.min(at.x + 8 * dots, canvas.width - width - 4 * dots);
  const y = Math.min(Math.max(at.y - 6 * dots, 14 * dots), canvas.height - 4 * dots);
  context.lineWidth = 3 * dots;
  context.strokeStyle = "#000";
  context.strokeText(said, x, y);
  context.fillStyle = COLOUR;
  context.fillText(said, x, y);
}

/** Return how far two points of an image are apart in mm. */
export function distanceMm({ from, to }, image) {
  return Math.hypot((to.x - from.x) * image.column_mm, (to.y - from.y) * image.row_mm);
}

/** Return the radii of a circle along columns and rows, in pixels. */
function radii(measure, image) {
  const mm = distanceMm(measure, image);
  return { x: mm / image.column_mm, y: mm / image.row_mm };
}

/** Return count, mean and standard deviation of the values whose pixels have their centre in a circle; of the one pixel
    under the point where it is smaller than that. */
export function valuesIn(measure, image) {
  const { x: rx, y: ry } = radii(measure, image);
  const found = [];
  const { from } = measure;
  if (Math.max(rx, ry) < POINT_PIXELS) {
    const [column, row] = [Math.floor(from.x), Math.floor(from.y)];
    if (column >= 0 && row >= 0 && column < image.columns && row < image.rows) found.push(image.values[row * image.columns + column]);
  } else {
    const [top, bottom] = [Math.max(0, Math.floor(from.y - ry)), Math.min(image.rows - 1, Math.ceil(from.y + ry))];
    const [left, right] = [Math.max(0, Math.floor(from.x - rx)), Math.min(image.columns - 1, Math.ceil(from.x + rx))];
    for (let row = top; row <= bottom; row += 1) {
      for (let column = left; column <= right; column += 1) {
        const inside = ((column + 0.5 - from.x) / rx) ** 2 + ((row + 0.5 - from.y) / ry) ** 2 <= 1;
        if (inside) found.push(image.values[row * image.columns + column]);
      }
    }
  }
  if (found.length === 0) return { count: 0, mean: NaN, deviation: NaN };
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const square = found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / found.length;
  return { count: found.length, mean, deviation: Math.sqrt(square) };
}

/** Say what a measure found. */
export function words(measure, image) {
  if (measure.kind === "distance") return `${distanceMm(measure, image).toFixed(1)} mm`;
  const { count, mean, deviation } = valuesIn(measure, image);
  if (count === 0) return "outside the image";
  const unit = image.unit ?? "HU";
  if (count === 1) return `${Math.round(mean)} ${unit}`;
  const across = (2 * distanceMm(measure, image)).toFixed(0);
  return `mean ${Math.round(mean)} ± ${Math.round(deviation)} ${unit}, ⌀ ${across} mm`;
}
