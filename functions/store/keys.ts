/** Names of the table that the DynamoDB adapter and cdk share. */
export const INDEX_BY_QUEUE = "byQueue";
export const INDEX_BY_DUE = "byDue";
export const INDEX_BY_OWNER = "byOwner";

/** Partition and sort key, both strings, of the table and of its indexes; the indexes are sparse and project keys only. */
export const TABLE_KEY = { partition: "pk", sort: "sk" } as const;
export const INDEX_KEYS = {
  [INDEX_BY_QUEUE]: { partition: "qpk", sort: "qsk" },
  [INDEX_BY_DUE]: { partition: "dpk", sort: "dsk" },
  [INDEX_BY_OWNER]: { partition: "opk", sort: "osk" },
} as const;
export type IndexName = keyof typeof INDEX_KEYS;

/** Seconds since 1970 after which DynamoDB may drop an item (garbage collection only: it can be days late). */
export const TTL_ATTRIBUTE = "ttl";

export const sliceId = (job: string, number: number): string => `${job}.${number}`;

const OFFSET = 1e15;

/** A whole number as 16 digits that sort as it does; a head start may push an order below zero, so all are moved up. */
export function sortable(value: number): string {
  const moved = value + OFFSET;
  if (!Number.isSafeInteger(moved) || moved < 0 || moved >= 9e15) throw new RangeError(`no sort key for ${value}`);
  return String(moved).padStart(16, "0");
}

/** A sort key: first by number, then by text, which is found again behind the first `#`. */
export const sortKey = (value: number, text: string): string => `${sortable(value)}#${text}`;

export function readSortKey(key: string): { value: number; text: string } {
  return { value: Number(key.slice(0, 16)) - OFFSET, text: key.slice(17) };
}
