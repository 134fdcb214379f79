// From values to greys: windows, and the table that makes a picture of numbers. Knows no page.
"use strict";

/** Values that a coronal or sagittal view lacks, because their slice has not come. */
export const ABSENT = -32768;
const ABSENT_COLOUR = 0xff30241c;  // little-endian ABGR: not black, which is air
const LEAST_WIDTH = 2;

export const PRESETS = {
  lung: { name: "lung", lower: -1350, upper: 150 },
  soft: { name: "soft tissue", lower: -160, upper: 240 },
  bone: { name: "bone", lower: -500, upper: 1300 },
};

/** Return a window moved by steps of centre and width. */
export function moved(window, centreBy, widthBy) {
  const width = Math.max(LEAST_WIDTH, window.upper - window.lower + widthBy);
  const centre = (window.lower + window.upper) / 2 + centreBy;
  return { name: "", lower: centre - width / 2, upper: centre + width / 2 };
}

/** Say a window as readers do. */
export function words(window) {
  const centre = Math.round((window.lower + window.upper) / 2);
  return `${window.name ? `${window.name} · ` : ""}C ${centre} W ${Math.round(window.upper - window.lower)}`;
}

export class Greys {
  constructor() {
    this.table = new Uint32Array(65536);
    this.window = null;
  }

  /** Make the table for a window: a value at its lower end is black, at its upper end white (PS3.3 C.11.2.1.3.2). */
  set(window) {
    if (this.window === window) return;
    this.window = window;
    const scale = 255 / (window.upper - window.lower);
    for (let value = -32768; value < 32768; value += 1) {
      const grey = Math.min(255, Math.max(0, Math.round((value - window.lower) * scale)));
      this.table[value & 0xffff] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
    this.table[ABSENT & 0xffff] = ABSENT_COLOUR;
  }

  /** Turn values into the pixels of a picture. */
  paint(values, pixels) {
    const { table } = this;
    for (let at = 0; at < values.length; at += 1) pixels[at] = table[values[at] & 0xffff];
  }
}
