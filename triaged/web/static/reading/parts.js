// An image that has more pixels than its tile, in square parts: those that are looked at closely enough are fetched, and
// drawn over what the tile shows. Knows no page.
"use strict";

const AT_ONCE = 3;
const MOST = 96;
const ENOUGH = 1.1;

export class Parts {
  /** `whole` is how many rows and columns the image has, and the side of a part; `arrived()` is called with each. */
  constructor(base, whole, arrived) {
    this.base = base;
    this.whole = whole;
    this.arrived = arrived;
    this.kept = new Map();
    this.loading = new Set();
  }

  /** Draw the parts that are seen, where the canvas has more points than the tile has pixels; fetch what is missing. */
  draw({ context, canvas, place, image, greys }) {
    const { sx, sy, ox, oy } = place;
    if (Math.max(sx, sy) <= ENOUGH) return;
    const { rows, columns, side } = this.whole;
    const [wide, high] = [(side * image.columns) / columns, (side * image.rows) / rows];
    const seen = (offset, factor, size, step, count) => {
      const first = Math.max(0, Math.floor(-offset / factor / step));
      const last = Math.min(count - 1, Math.floor((size - offset) / factor / step));
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
    };
    const missing = [];
    for (const row of seen(oy, sy, canvas.height, high, Math.ceil(rows / side))) {
      for (const column of seen(ox, sx, canvas.width, wide, Math.ceil(columns / side))) {
        const part = this.kept.get(`${row}/${column}`);
        if (part === undefined) {
          missing.push([row, column]);
          continue;
        }
        this.kept.delete(`${row}/${column}`);  // those that were seen last are kept longest
        this.kept.set(`${row}/${column}`, part);
        const picture = painted(part, greys);
        const [width, height] = [(part.columns * image.columns) / columns, (part.rows * image.rows) / rows];
        context.drawImage(picture, column * wide, row * high, width, height);
      }
    }
    for (const [row, column] of missing) if (this.loading.size < AT_ONCE) this.load(row, column);
  }

  async load(row, column) {
    const name = `${row}/${column}`;
    if (this.loading.has(name)) return;
    this.loading.add(name);
    try {
      const answer = await fetch(`${this.base}/0/parts/${name}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const values = new Uint8Array(await answer.arrayBuffer());
      const { rows, columns, side } = this.whole;
      const [high, wide] = [Math.min(side, rows - row * side), Math.min(side, columns - column * side)];
      this.kept.set(name, { values, rows: high, columns: wide, greyWindow: null, picture: null });
      if (this.kept.size > MOST) this.kept.delete(this.kept.keys().next().value);
      this.arrived();
    } catch {
      // The tile stays: it shows the same, with fewer pixels. The part is asked for again with what is drawn next.
    } finally {
      this.loading.delete(name);
    }
  }
}

/** Return a part as a picture in the window that the greys are set to. */
function painted(part, greys) {
  if (part.greyWindow === greys.window) return part.picture;
  part.picture ??= Object.assign(document.createElement("canvas"), { width: part.columns, height: part.rows });
  const context = part.picture.getContext("2d");
  const pixels = context.createImageData(part.columns, part.rows);
  greys.paint(part.values, new Uint32Array(pixels.data.buffer));
  context.putImageData(pixels, 0, 0);
  part.greyWindow = greys.window;
  return part.picture;
}
