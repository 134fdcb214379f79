// Coronal and sagittal images through a point, from the slices that have come. Knows no page.
"use strict";

import { ABSENT } from "/static/reading/greys.js";

/** Return how far slices are apart, from the tables' positions; 1 mm where there is one alone. */
export function stepMm(list) {
  const { slices } = list;
  if (slices.length < 2) return 1;
  return Math.abs(slices.at(-1).position_mm - slices[0].position_mm) / (slices.length - 1) || 1;
}

/** Return the coronal image at a row of the slices: head on top, the patient's right at the left. */
export function coronal(stack, row) {
  const { columns, column_mm: columnMm } = stack.list;
  return plane(stack, `coronal ${row}`, columns, columnMm, (column) => row * columns + column);
}

/** Return the sagittal image at a column of the slices: head on top, the front at the left. */
export function sagittal(stack, column) {
  const { rows, columns, row_mm: rowMm } = stack.list;
  return plane(stack, `sagittal ${column}`, rows, rowMm, (row) => row * columns + column);
}

function plane(stack, key, width, widthMm, source) {
  const height = stack.count;
  const values = new Int16Array(width * height);
  const labels = stack.list.regions.length ? new Uint8Array(width * height) : null;
  for (let index = 0; index < height; index += 1) {
    const [from, marks] = [stack.values(index), stack.labels(index)];
    const begin = index * width;
    if (from === null) {
      values.fill(ABSENT, begin, begin + width);
      continue;
    }
    for (let at = 0; at < width; at += 1) {
      values[begin + at] = from[source(at)];
      if (labels !== null && marks !== null) labels[begin + at] = marks[source(at)];
    }
  }
  const ofSlices = `${key} of ${stack.kept.size}`;  // with each slice that comes it is another image
  const rowMm = stepMm(stack.list);
  return { key: ofSlices, columns: width, rows: height, column_mm: widthMm, row_mm: rowMm, values, labels, drawing: null };
}
