// In which order rows are shown when a new order has come while somebody reads; arrays in, arrays out, no page.
"use strict";

/**
 * Return the order to show: `held` rows keep the place that they have among those rows of `before` that are still
 * there, the others take the places that are left in the order of `next`. A held row that is no longer in `next` stays too, until nobody holds it.
 */
export function arranged(next, before, held) {
  const listed = new Set(next);
  const rest = next.filter((uid) => !held.has(uid));
  const order = [];
  let at = 0;
  before.filter((uid) => held.has(uid) || listed.has(uid)).forEach((uid, index) => {
    if (!held.has(uid)) return;
    while (order.length < index && at < rest.length) order.push(rest[at++]);
    order.push(uid);
  });
  return order.concat(rest.slice(at));
}

/** Return how many rows came, how many left, and which of the others moved: the fewest that explain the new order. */
export function changes(next, before) {
  const was = new Map(before.map((uid, index) => [uid, index]));
  const kept = next.filter((uid) => was.has(uid));
  const unmoved = longestRise(kept.map((uid) => was.get(uid)));
  return {
    came: next.length - kept.length,
    left: before.length - kept.length,
    moved: kept.filter((_, index) => !unmoved.has(index)),
  };
}

/** Return the indices of a longest rising subsequence of different numbers. */
function longestRise(numbers) {
  const ends = [];
  const previous = [];
  numbers.forEach((number, index) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[ends[middle]] < number) low = middle + 1;
      else high = middle;
    }
    previous[index] = low > 0 ? ends[low - 1] : -1;
    ends[low] = index;
  });
  const rise = new Set();
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at]) rise.add(at);
  return rise;
}
