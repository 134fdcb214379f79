// Shows one slice after the other by itself, no faster than they come. Knows no page.
"use strict";

export class Cine {
  constructor(reader) {
    this.reader = reader;
    this.perSecond = 12;
    this.due = 0;
    this.running = false;
  }

  set(on) {
    this.running = on;
    this.due = 0;
    if (on) requestAnimationFrame((now) => this.step(now));
  }

  step(now) {
    if (!this.running) return;
    const { reader } = this;
    const shown = reader.panes.axial.canvas.dataset.shown === String(reader.index) || reader.stack.failures.has(reader.index);
    if (shown && now >= this.due) {
      this.due = Math.max(this.due + 1000 / this.perSecond, now);
      reader.show(reader.index + 1 < reader.stack.count ? reader.index + 1 : 0);
    }
    requestAnimationFrame((next) => this.step(next));
  }
}
