// Scrolls through the slices of a study: by wheel, keys or slider, with the lesion's contour on or off.
"use strict";

const KEPT = 60;
const AHEAD = 4;

class Pictures {
  constructor(base) {
    this.base = base;
    this.kept = new Map();
  }

  /** Return a picture as soon as it is there; null where there is none. Those not looked at for longest are let go. */
  get(path) {
    const found = this.kept.get(path) ?? this.load(path);
    this.kept.delete(path);
    this.kept.set(path, found);
    for (const [old, picture] of this.kept) {
      if (this.kept.size <= 2 * KEPT) break;
      this.kept.delete(old);
      picture.then((image) => image?.close(), () => {});
    }
    return found;
  }

  async load(path) {
    const answer = await fetch(`${this.base}/${path}`, { cache: "no-store" });
    if (answer.status === 204) return null;
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({ detail: `status ${answer.status}` }));
      this.kept.delete(path);
      throw new Error(said.detail);
    }
    return createImageBitmap(await answer.blob());
  }
}

/** A bar for each slice, as long as the share of the lungs on it that is affected; the slice that is shown is marked.
    Paler where there is too little lesion for the slice to count: at the apex a few pixels are all lung there is. */
class Strip {
  constructor(element, slices, chosen) {
    this.element = element;
    this.slices = slices;
    this.canvas = element.querySelector("canvas");
    this.canvas.height = slices.length;
    this.context = this.canvas.getContext("2d");
    element.setAttribute("aria-valuemax", String(slices.length));
    element.hidden = slices.length < 2 || !slices.some((slice) => slice.share !== null);
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      chosen(this.at(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.canvas.hasPointerCapture(event.pointerId)) chosen(this.at(event));
    });
  }

  at(event) {
    const { top, height } = this.canvas.getBoundingClientRect();
    return Math.floor(((event.clientY - top) / height) * this.slices.length);
  }

  show(index, words) {
    const { width, height } = this.canvas;
    const colours = getComputedStyle(this.element);
    this.context.clearRect(0, 0, width, height);
    for (const [row, slice] of this.slices.entries()) {
      if (slice.share === null) continue;
      this.context.fillStyle = colours.getPropertyValue("--lung");
      this.context.fillRect(0, row, width, 1);
      this.context.fillStyle = colours.getPropertyValue(slice.is_affected ? "--affected" : "--little");
      this.context.fillRect(0, row, slice.share > 0 ? Math.max(1, Math.round(slice.share * width)) : 0, 1);
    }
    this.element.style.setProperty("--at", String((index + 0.5) / this.slices.length));
    this.element.setAttribute("aria-valuenow", String(index + 1));
    this.element.setAttribute("aria-valuetext", words);
  }
}

class Viewer {
  constructor(element, list) {
    this.list = list;
    this.canvas = element.querySelector("canvas");
    this.slider = element.querySelector("input[type=range]");
    this.contour = element.querySelector("input[type=checkbox]");
    this.words = element.querySelector("output");
    this.pictures = new Pictures(element.dataset.slices);
    this.canvas.width = list.columns;
    this.canvas.height = list.rows;
    this.canvas.style.aspectRatio = String((list.columns * list.column_mm) / (list.rows * list.row_mm));
    this.slider.max = String(list.slices.length);
    this.contour.disabled = !list.has_contour;
    this.isOne = element.dataset.kind === "radiograph";
    const lesions = list.slices.map((slice) => slice.lesion);
    const most = Math.max(...lesions);
    this.index = most > 0 ? lesions.indexOf(most) : Math.floor(list.slices.length / 2);
    this.wheeled = 0;
    this.strip = new Strip(element.querySelector(".strip"), list.slices, (index) => this.show(index));
    this.tell(element.querySelector(".affected-slices"));
    this.listen(element);
    this.show(this.index);
  }

  /** Say which slices are affected, where the study was segmented. */
  tell(words) {
    if (!this.list.has_contour) return;
    if (this.isOne) {
      words.textContent = this.list.affected === "" ? "Nothing is outlined as affected." : `Affected: ${this.list.affected}.`;
      return;
    }
    words.textContent = this.list.affected === "" ? "No slice is affected." : `Affected: ${this.list.affected}, from the head.`;
  }

  listen(element) {
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value) - 1));
    this.contour.addEventListener("change", () => this.show(this.index));
    this.canvas.addEventListener("wheel", (event) => {
      if (this.list.slices.length < 2) return;
      event.preventDefault();
      this.wheeled += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
      const steps = Math.trunc(this.wheeled);
      this.wheeled -= steps;
      if (steps !== 0) this.show(this.index + steps);
    }, { passive: false });
    element.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 };
    if (event.key in steps) this.show(this.index + steps[event.key]);
    else if (event.key === "Home") this.show(0);
    else if (event.key === "End") this.show(this.list.slices.length - 1);
    else if (event.key === "c" && !this.contour.disabled) {
      this.contour.checked = !this.contour.checked;
      this.show(this.index);
    } else return;
    event.preventDefault();
  }

  /** Show a slice, and have its neighbours ready. */
  async show(wanted) {
    const index = Math.min(Math.max(wanted, 0), this.list.slices.length - 1);
    this.index = index;
    this.slider.value = String(index + 1);
    this.slider.setAttribute("aria-valuetext", this.described(index));
    this.words.textContent = this.described(index);
    this.strip.show(index, this.described(index));
    try {
      const drawn = this.contour.checked && (this.isOne ? this.list.has_contour : this.list.slices[index].lesion > 0);
      const [picture, contour] = await Promise.all([
        this.pictures.get(`${index}.jpg`),
        drawn ? this.pictures.get(`${index}/contour.png`) : null,
      ]);
      if (this.index !== index) return;
      const context = this.canvas.getContext("2d");
      context.drawImage(picture, 0, 0);
      if (contour !== null) context.drawImage(contour, 0, 0);
      this.canvas.dataset.shown = `${index}${drawn ? " with contour" : ""}`;
      this.ahead(index);
    } catch (error) {
      if (this.index === index) this.words.textContent = `${this.described(index)}: ${error.message}`;
    }
  }

  ahead(index) {
    for (let step = 1; step <= AHEAD; step += 1) {
      for (const near of [index + step, index - step]) {
        if (near >= 0 && near < this.list.slices.length) this.pictures.get(`${near}.jpg`).catch(() => {});
      }
    }
  }

  described(index) {
    const slice = this.list.slices[index];
    if (this.isOne) return "The X-ray that was read";
    const image = slice.number === null ? "" : `, image ${slice.number}`;
    const share = slice.share === null ? "" : ` on ${percent(slice.share)} of the lung`;
    const lesion = slice.lesion > 0 ? `, lesion${share}` : "";
    return `Slice ${index + 1} of ${this.list.slices.length}${image}, table position ${slice.position_mm.toFixed(1)} mm${lesion}`;
  }
}

function percent(share) {
  return share > 0 && share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`;
}

for (const element of document.querySelectorAll(".viewer")) {
  fetch(element.dataset.slices, { cache: "no-store" })
    .then(async (answer) => {
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.detail);
      element.classList.add("ready");
      new Viewer(element, said);
    })
    .catch((error) => { element.querySelector("output").textContent = `The slices cannot be shown: ${error.message}`; });
}
