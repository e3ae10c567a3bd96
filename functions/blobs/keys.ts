/** Where all inputs lie, and all outputs and logs. */
export const INPUTS = "blob/";
export const OUTPUTS = "out/";
/** Builds of the worker; they are small, few, and kept. */
export const BUILDS = "build/";

/** Inputs are shared by the jobs of one owner in one month, so that removal by month is safe (design.md §5). */
export function inputKey(owner: string, month: string, sha256: string): string {
  return `${INPUTS}${owner}/${month}/${sha256}`;
}

/** Each lease writes where only its own results point: a stale worker's still-valid grant can do no harm. */
export function outputKey(place: { job: string; index: number; lease: string }, sha256: string): string {
  return `${OUTPUTS}${place.job}/${place.index}/${place.lease}/${sha256}`;
}

export const buildKey = (sha256: string): string => `${BUILDS}${sha256}`;

export const outputPrefix = (job: string): string => `${OUTPUTS}${job}/`;

/** The month (UTC, `yyyymm`) of a time, and the one before: dedupe looks in both. */
export function monthsAt(now: number): [string, string] {
  const date = new Date(now);
  const name = (d: Date) => `${d.getUTCFullYear()}${String(d.getUTCMonth() + 1).padStart(2, "0")}`;
  return [name(date), name(new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1, 1)))];
}

/** Keys go into URLs and file names as they are: no escapes, no dots. */
const KEY = /^[A-Za-z0-9_-]{1,255}(\/[A-Za-z0-9_-]{1,255}){1,15}$/;

export const isKey = (key: string): boolean => KEY.test(key);

/** Keys are made by the server, so a bad one is our own mistake. */
export function assertKey(key: string): void {
  if (!isKey(key)) throw new Error(`bad blob key ${JSON.stringify(key)}: segments of A-Z a-z 0-9 _ - joined by "/"`);
}
