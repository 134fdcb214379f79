// The images of one series as numbers: fetched ahead of the reader, and kept as far as there is memory for them.
// Knows no page.
"use strict";

const MOST_BYTES = 384 * 2 ** 20;
const AT_ONCE = 4;
const AHEAD = 48;
const BEHIND = 16;

/** Return the list of the images of a study; raises what the server says where there is none. */
export async function listed(base) {
  const answer = await fetch(base);  // nothing is kept of it: the server says no-store; the page has asked for it ahead
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

export class Stack {
  /** `arrived(index)` is called with each image that came, or that turned out not to come. */
  constructor(base, list, arrived) {
    this.base = base;
    this.list = list;
    this.arrived = arrived;
    this.count = list.slices.length;
    this.pixels = list.rows * list.columns;
    this.most = Math.max(8, Math.floor(MOST_BYTES / (this.pixels * (list.regions.length ? 3 : 2))));
    this.kept = new Map();
    this.failures = new Map();
    this.loading = new Set();
    this.order = [];
    this.wantsAll = false;
    this.firstCame = new Promise((done) => {
      this.came = done;
    });
  }

  /** Tell whether there is room for all images at the same time. */
  get fits() {
    return this.count <= this.most;
  }

  /** Return what the pixels of an image are, in HU; null where it has not come. */
  values(index) {
    return this.kept.get(index)?.values ?? null;
  }

  /** Return the labels of the pixels of an image; null where it has none, or has not come. */
  labels(index) {
    return this.kept.get(index)?.labels ?? null;
  }

  /** Fetch an image and those that the reader comes to next, in the direction of scrolling first. */
  want(index, direction = 1) {
    const [ahead, behind] = this.wantsAll ? [this.count, this.count] : [AHEAD, BEHIND];
    const order = [index];
    for (let step = 1, back = 1; step <= ahead || back <= behind; step += 1) {
      if (step <= ahead) order.push(index + direction * step);
      if ((step % 3 === 0 || step > ahead) && back <= behind) order.push(index - direction * back++);
    }
    this.order = order.filter((each) => each >= 0 && each < this.count).slice(0, this.most);
    this.pump();
  }

  /** Fetch what is wanted most; the image before the reader alone, where it has not come: others would delay it. */
  pump() {
    const isThere = this.kept.has(this.order[0]) || this.failures.has(this.order[0]);
    for (const index of isThere ? this.order : this.order.slice(0, 1)) {
      if (this.loading.size >= AT_ONCE) return;
      if (!this.kept.has(index) && !this.loading.has(index) && !this.failures.has(index)) this.load(index);
    }
  }

  async load(index) {
    this.loading.add(index);
    try {
      this.keep(index, await this.fetched(index));
    } catch (error) {
      this.failures.set(index, error.message);
    }
    this.loading.delete(index);
    this.arrived(index);
    this.came();
    this.pump();
  }

  async fetched(index) {
    const answer = (index === this.list.first && await this.asFirst(index)) || await fetch(`${this.base}/${index}/tile`, { cache: "no-store" });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({ detail: `status ${answer.status}` }));
      throw new Error(said.detail);
    }
    const bytes = await answer.arrayBuffer();
    const values = new Int16Array(bytes, 0, this.pixels);
    const labels = this.list.regions.length ? new Uint8Array(bytes, 2 * this.pixels, this.pixels) : null;
    return { values, labels };
  }

  /** Return the answer that the page has asked for ahead; null where it is about another image than this one. */
  async asFirst(index) {
    const answer = await fetch(`${this.base}/first/tile`);
    return answer.headers.get("Content-Location")?.endsWith(`/${index}/tile`) ? answer : null;
  }

  /** Keep an image; where there is no room, the one goes that is farthest from the reader. */
  keep(index, tile) {
    this.kept.set(index, tile);
    while (this.kept.size > this.most) {
      const near = this.order[0] ?? index;
      let farthest = index;
      for (const each of this.kept.keys()) if (Math.abs(each - near) > Math.abs(farthest - near)) farthest = each;
      this.kept.delete(farthest);
    }
  }

  /** Try an image again that did not come: the server may have been away. */
  retry(index) {
    this.failures.delete(index);
  }
}
