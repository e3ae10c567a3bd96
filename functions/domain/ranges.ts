import type { OpenRange } from "./slice-record.ts";

/** Positions `from` ≤ p < `upTo`. */
export type Span = { from: number; upTo: number };

/** A range that never ran and that nobody lost: what `--expires` gives up (lifecycle.md, rule 15). */
export const isFresh = (range: OpenRange): boolean => !range.was && range.tries === 0 && range.crashes === 0;

export const sizeOf = (span: Span): number => span.upTo - span.from;

/** Sorted, without empty ranges; neighbours become one only if every field agrees, so that no task takes over another's history. */
export function joined(ranges: readonly OpenRange[]): OpenRange[] {
  const result: OpenRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    if (sizeOf(range) <= 0) continue;
    const last = result.at(-1);
    if (last && last.upTo === range.from && isAlike(last, range))
      result[result.length - 1] = { ...last, upTo: range.upTo };
    else result.push(range);
  }
  return result;
}

/** What is left of the ranges outside of a span, each part with all fields of its range. */
export function without(ranges: readonly OpenRange[], span: Span): OpenRange[] {
  return ranges.flatMap((range) => {
    if (range.upTo <= span.from || range.from >= span.upTo) return [range];
    return [
      { ...range, upTo: Math.min(range.upTo, span.from) },
      { ...range, from: Math.max(range.from, span.upTo) },
    ].filter((part) => sizeOf(part) > 0);
  });
}

/** Adds a position to spans that grow upwards. */
export function extend(spans: Span[], position: number): void {
  const last = spans.at(-1);
  if (last?.upTo === position) last.upTo = position + 1;
  else spans.push({ from: position, upTo: position + 1 });
}

function isAlike(a: OpenRange, b: OpenRange): boolean {
  return (
    a.tries === b.tries &&
    a.crashes === b.crashes &&
    a.notBefore === b.notBefore &&
    a.avoid?.worker === b.avoid?.worker &&
    a.avoid?.until === b.avoid?.until &&
    a.was?.lease === b.was?.lease &&
    a.was?.worker === b.was?.worker &&
    a.was?.crashed === b.was?.crashed
  );
}
