// What is said of an image, in words. Lists in, texts out, no page.
"use strict";

/** Say which slice this is, as the scanner and the table call it, and how much of it is affected. */
export function described(list, index) {
  if (list.modality !== "CT") return "The X-ray";
  const slice = list.slices[index];
  const image = slice.number === null ? "" : `, image ${slice.number}`;
  const share = slice.share === null ? "" : ` on ${percent(slice.share)} of the lung`;
  const lesion = slice.lesion > 0 ? `, lesion${share}` : "";
  return `Slice ${index + 1} of ${list.slices.length}${image}, table position ${slice.position_mm.toFixed(1)} mm${lesion}`;
}

/** Say which slices are affected, where the study was segmented; nothing where it was not. */
export function affected(list) {
  if (!list.has_contour) return "No outlines: this series was not segmented.";
  if (list.modality !== "CT") return list.affected === "" ? "Nothing is outlined as affected." : `Affected: ${list.affected}.`;
  return list.affected === "" ? "No slice is affected." : `Affected: ${list.affected}, from the head.`;
}

function percent(share) {
  if (share > 0.99 && share < 1) return ">99 %";
  return share > 0 && share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`;
}
