import { median } from "./numbers.ts";

/**
 * Runs everything once in each round, every second round backwards, so that what else this machine does falls on all alike. Answers what
 * each run returned, round by round.
 */
export async function interleave<Name extends string>(
  rounds: number,
  runs: Record<Name, (round: number) => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(runs) as Name[];
  const found = Object.fromEntries(names.map((name): [string, number[]] => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) found[name]?.push(await runs[name](round));
  }
  return found as Record<Name, number[]>;
}

/** The median of each round's ratio: what one run met, its neighbour in the same round met too. */
export const medianRatio = (ours: readonly number[], theirs: readonly number[]): number =>
  median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));

/** How long something took, in seconds. */
export async function seconds(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}
