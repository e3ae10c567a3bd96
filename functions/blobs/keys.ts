/** Inputs are shared by the jobs of one owner in one month, so that removal by month is safe (design.md §5). */
export function inputKey(owner: string, month: string, sha256: string): string {
  return `blob/${owner}/${month}/${sha256}`;
}

/** Each lease writes where only its own results point: a stale worker's still-valid grant can do no harm. */
export function outputKey(place: { job: string; index: number; lease: string }, sha256: string): string {
  return `out/${place.job}/${place.index}/${place.lease}/${sha256}`;
}

export const outputPrefix = (job: string): string => `out/${job}/`;

/** The month (UTC, `yyyymm`) of a time, and the one before: dedupe looks in both. */
export function monthsAt(now: number): [string, string] {
  const date = new Date(now);
  const name = (d: Date) => `${d.getUTCFullYear()}${String(d.getUTCMonth() + 1).padStart(2, "0")}`;
  return [name(date), name(new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1, 1)))];
}
