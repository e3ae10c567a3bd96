/** Ways in which a worker ends by itself: each drains it, so that what runs goes on to its end. The reason of the abort says why. */
type Draining = AbortController;

/** A timer stands still while a machine sleeps: the clock is looked at this often. */
const LOOK_MS = 30_000;

/** Ends it when nothing was held for so long; to be called whenever that may have changed. */
export function endWhenIdle(
  ms: number | undefined,
  held: ReadonlyMap<string, unknown>,
  draining: Draining,
): () => void {
  if (ms === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const end = () => draining.abort(`there was nothing to do for ${ms / 1000} s`);
  draining.signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    if (held.size === 0 && !draining.signal.aborted) timer = setTimeout(end, ms);
  };
}

/** Ends it at a time of this machine's clock (ms). */
export function endAt(time: number | undefined, draining: Draining): void {
  if (time === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const left = time - Date.now();
    if (left <= 0) draining.abort("its time is over");
    else timer = setTimeout(look, Math.min(left, LOOK_MS));
  };
  draining.signal.addEventListener("abort", () => clearTimeout(timer));
  look();
}
