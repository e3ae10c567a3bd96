import { RendtError } from "../../contract/errors.ts";
import type { Page } from "./port.ts";

/** A cursor is the sort key of the last item seen; a forged one only moves its holder about in what they may read anyway. */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const sort = Buffer.from(cursor, "base64url").toString();
  if (!/^\d{16}#[\x20-\x7e]+$/.test(sort)) {
    throw new RendtError(
      "bad_request",
      `bad cursor ${JSON.stringify(cursor)}: use the one that the last page named as next`,
    );
  }
  return sort;
}

/** Makes a page of rows, of which one more was read than is shown: it tells whether there are more. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  sortOf: (row: R) => string,
  itemOf: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(itemOf);
  if (last === undefined || rows.length <= limit) return { items };
  return { items, next: Buffer.from(sortOf(last)).toString("base64url") };
}
