/** The candidate that differs least from what was typed, when that is little enough to be a typing mistake. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((name) => ({ name, distance: distance(typed, name) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(typed.length / 3)) ? best.name : prefixed(typed, candidates);
}

const prefixed = (typed: string, candidates: readonly string[]): string | undefined =>
  typed.length < 2 ? undefined : candidates.find((name) => name.startsWith(typed));

/** Insertions, deletions, substitutions and swaps of neighbours (Damerau 1964, the restricted form). */
function distance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + same);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [before, last] = [last, current];
  }
  return last[b.length] ?? 0;
}
