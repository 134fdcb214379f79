// Wheel, mouse and fingers on an image, as what the reader means by them. Knows no series.
"use strict";

const NOTCH = 120;
const SMALL = 50;
const PIXELS_PER_STEP = 30;

/** Counts the steps of a wheel: one for each notch, whatever the system makes of it; of a touch pad, one for so many
    pixels. */
export class Wheel {
  constructor() {
    this.rest = 0;
  }

  steps(event) {
    const notches = Math.abs(event.wheelDeltaY ?? 0) / NOTCH;
    const sign = Math.sign(event.deltaY);
    if (sign === 0) return 0;
    if (event.deltaMode !== 0) return sign * Math.max(1, Math.round(notches));
    if (Math.abs(event.deltaY) >= SMALL && notches > 0.4) {
      this.rest = 0;
      return sign * Math.max(1, Math.round(notches));
    }
    if (Math.sign(this.rest) !== sign) this.rest = 0;
    this.rest += event.deltaY;
    const steps = Math.trunc(this.rest / PIXELS_PER_STEP);
    this.rest -= steps * PIXELS_PER_STEP;
    return steps;
  }
}

/** Tell what is done on a pane: `wheel(pane, steps, event)`, `zoom(pane, factor, x, y)`, `move(pane, dx, dy)`, and
    `drag(pane, phase, event, button)`, whose phases are begin, go, end. */
export function listen(pane, { wheel, zoom, move, drag }) {
  const { canvas } = pane;
  const counted = new Wheel();
  const fingers = new Map();
  let dragged = null;
  let apart = null;

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey) zoom(pane, Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    else {
      const steps = counted.steps(event);
      if (steps !== 0) wheel(pane, steps, event);
    }
  }, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.closest(".viewer").focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) {
      dragged = event.button;
      drag(pane, "begin", event, dragged);
    } else if (fingers.size === 2) {
      if (dragged !== null) drag(pane, "end", event, dragged);
      dragged = null;
      apart = spread(fingers);
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (dragged !== null) drag(pane, "go", event, dragged);
    else if (fingers.size === 2) {
      const now = spread(fingers);
      if (apart.size > 0) zoom(pane, now.size / apart.size, now.x, now.y);
      move(pane, now.x - apart.x, now.y - apart.y);
      apart = now;
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (!fingers.delete(event.pointerId)) return;
      if (dragged !== null) drag(pane, "end", event, dragged);
      dragged = null;
    });
  }
}

function spread(fingers) {
  const [one, other] = [...fingers.values()];
  return {
    x: (one.clientX + other.clientX) / 2,
    y: (one.clientY + other.clientY) / 2,
    size: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
  };
}
