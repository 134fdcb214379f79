// What was found on an image, as an outline between its pixels and as a tint on them. Knows no page.
"use strict";

/** Colours of the regions by name; those of one colour are drawn as one. */
export const COLOURS = { lesion: [255, 210, 0], lungs: [0, 200, 220] };

/** Return the bits of a list's regions: of the lesion, and of the lungs. */
export function bitsOf(names) {
  const bits = { lesion: 0, lungs: 0 };
  names.forEach((name, bit) => { bits[name === "lung opacity" ? "lesion" : "lungs"] |= 1 << bit; });
  return bits;
}

/** Return the border of what has one of these bits, along the edges of pixels, as a path in pixels. */
export function outline(labels, columns, rows, bits) {
  const path = new Path2D();
  const inside = (row, column) =>
    row >= 0 && row < rows && column >= 0 && column < columns && (labels[row * columns + column] & bits) !== 0;
  const [top, bottom, left, right] = extent(labels, columns, rows, bits);
  for (let row = top; row <= bottom + 1; row += 1) {
    for (let column = left, from = -1; column <= right + 1; column += 1) {
      const edge = column <= right && inside(row - 1, column) !== inside(row, column);
      if (edge && from < 0) from = column;
      if (!edge && from >= 0) {
        path.moveTo(from, row);
        path.lineTo(column, row);
        from = -1;
      }
    }
  }
  for (let column = left; column <= right + 1; column += 1) {
    for (let row = top, from = -1; row <= bottom + 1; row += 1) {
      const edge = row <= bottom && inside(row, column - 1) !== inside(row, column);
      if (edge && from < 0) from = row;
      if (!edge && from >= 0) {
        path.moveTo(column, from);
        path.lineTo(column, row);
        from = -1;
      }
    }
  }
  return path;
}

/** Return the first and last row and column with one of these bits; nothing lies between them where there is none. */
function extent(labels, columns, rows, bits) {
  let [top, bottom, left, right] = [rows, -2, columns, -2];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0, at = row * columns; column < columns; column += 1, at += 1) {
      if ((labels[at] & bits) === 0) continue;
      if (row < top) top = row;
      bottom = row;
      if (column < left) left = column;
      if (column > right) right = column;
    }
  }
  return [top, bottom, left, right];
}

/** Tint pixels of a picture that have one of these bits. */
export function tint(pixels, labels, bits, [red, green, blue]) {
  for (let at = 0; at < labels.length; at += 1) {
    if ((labels[at] & bits) === 0) continue;
    const grey = pixels[at] & 0xff;
    const mixed = (colour) => (2 * grey + colour) / 3;
    pixels[at] = 0xff000000 | (mixed(blue) << 16) | (mixed(green) << 8) | mixed(red);
  }
}
