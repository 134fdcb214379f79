// Which slice of an earlier study lies where a slice of this one does. Lists in, numbers out, no page.
"use strict";

/** Return the index in `other` of what lies where slice `index` of `list` does, and by what they were laid together.
    By the lungs where both were outlined: the patient lies elsewhere on the table each time, and breathes otherwise. */
export function matched(list, index, other, offsetMm = 0) {
  const position = list.slices[index].position_mm;
  const [here, there] = [lungs(list), lungs(other)];
  if (here !== null && there !== null) {
    const share = (here.top - position) / (here.top - here.bottom);
    return { index: nearest(other, there.top - share * (there.top - there.bottom) + offsetMm), by: "height in the lungs" };
  }
  const [first, last] = [other.slices[0].position_mm, other.slices.at(-1).position_mm];
  if (position <= Math.max(first, last) && position >= Math.min(first, last)) {
    return { index: nearest(other, position + offsetMm), by: "table position" };
  }
  const share = list.slices.length < 2 ? 0 : index / (list.slices.length - 1);
  const wanted = first + share * (last - first);
  return { index: nearest(other, wanted + offsetMm), by: "share of the scan" };
}

/** Return where the lungs begin and end; null where they were not outlined on two slices. */
function lungs(list) {
  const inside = list.slices.filter((slice) => slice.share !== null);
  if (inside.length < 2) return null;
  const [top, bottom] = [inside[0].position_mm, inside.at(-1).position_mm];
  return top === bottom ? null : { top, bottom };
}

function nearest(list, position) {
  let found = 0;
  list.slices.forEach((slice, index) => {
    if (Math.abs(slice.position_mm - position) < Math.abs(list.slices[found].position_mm - position)) found = index;
  });
  return found;
}
