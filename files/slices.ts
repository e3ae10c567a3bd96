import { setImmediate as nextTurn } from "node:timers/promises";

/** A worker's own bound for one synchronous piece of work is 20 ms. */
const SLICE_MS = 5;

/** All that works in slices shares them: eight at once must not add up. */
let began = 0;

/** For many short synchronous calls, which cost a tenth of asynchronous ones: between them, lets others have their turn in time. */
export async function breathe(): Promise<void> {
  if (performance.now() - began < SLICE_MS) return;
  await nextTurn();
  began = performance.now();
}
