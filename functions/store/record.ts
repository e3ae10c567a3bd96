import { RendtError } from "../../contract/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../../contract/limits.ts";
import { type Kind, RECORDS, type RecordOf } from "../domain/records.ts";
import { sliceId } from "./keys.ts";
import { type Places, placesOf } from "./places.ts";
import type { Change, Count, Put, Removal } from "./port.ts";

const MAX_CHANGES = 100;

/** A change as the adapters write it; without `put` the record is removed. */
export type Write = {
  kind: Kind;
  id: string;
  expect: number | "absent";
  put?: { version: number; body: string; places: Places };
};

/** Turns changes into rows and sums; a caller's mistake is found here, before anything is written, and alike in both stores. */
export function planWrites(changes: readonly Change[]): { writes: Write[]; counts: Count[] } {
  if (changes.length === 0 || changes.length > MAX_CHANGES) {
    throw new RendtError("internal", `a commit of ${changes.length} changes: 1 to ${MAX_CHANGES} are allowed`);
  }
  const counts = changes.flatMap((change) => ("count" in change ? [assertCount(change)] : []));
  const writes = changes.flatMap((change) => {
    if ("count" in change) return [];
    return ["remove" in change ? removal(change) : put(change)];
  });
  if (new Set(counts.map(({ account, count }) => `${account} ${count}`)).size < counts.length) {
    throw new RendtError("internal", "a commit names the same counter twice");
  }
  if (new Set(writes.map(({ kind, id }) => `${kind} ${id}`)).size < writes.length) {
    throw new RendtError("internal", "a commit names the same record twice");
  }
  return { writes, counts };
}

/** What a commit throws whose records are as expected, but one of whose counters has no room. */
export function overQuota({ account, count, most = 0 }: Count): RendtError {
  return new RendtError("quota_exceeded", `account ${account} may have at most ${most} in its counter ${count}`, {
    details: { account, count, most },
  });
}

function assertCount(change: Count): Count {
  for (const value of [change.add, change.most ?? 0]) {
    if (Number.isSafeInteger(value)) continue;
    throw new RendtError("internal", `${change.account} counts ${value} of ${change.count}: only whole numbers count`);
  }
  return change;
}

/** Parses a stored record; one that a newer program wrote is refused, because writing it back would drop what it added. */
export function readRecord<K extends Kind>(kind: K, id: string, body: string): RecordOf<K> {
  const value: unknown = JSON.parse(body);
  const parsed = SCHEMAS[kind].safeParse(value);
  if (parsed.success) return parsed.data;
  const known = RECORDS[kind].unwrap().shape.v.value;
  const v = typeof value === "object" && value !== null && "v" in value ? value.v : undefined;
  if (typeof v === "number" && v > known) {
    throw new RendtError(
      "unavailable",
      `${kind} ${id} was written by a newer rendt (record version ${v}, this one knows ${known}): install that version`,
      { details: { kind, id, v } },
    );
  }
  throw new RendtError("internal", `the stored ${kind} ${id} does not fit its schema`, { cause: parsed.error });
}

type Parsed<T> = { success: true; data: T } | { success: false; error: Error };
type Schemas = { [K in Kind]: { safeParse(value: unknown): Parsed<RecordOf<K>> } };
const SCHEMAS: Schemas = RECORDS;

function removal(change: Removal): Write {
  return { kind: change.kind, id: change.remove, expect: change.expect };
}

function put(change: Put): Write {
  const { kind, expect } = change;
  const { version } = change.put;
  const id = recordId(change);
  if (expect === "absent" ? version < 1 : version !== expect + 1) {
    throw new RendtError("internal", `${kind} ${id}: version ${version} can't follow ${expect}`);
  }
  const body = JSON.stringify(change.put);
  if (Buffer.byteLength(body) > MAX_DOCUMENT_BYTES) {
    throw new RendtError("internal", `${kind} ${id} is longer than ${MAX_DOCUMENT_BYTES} bytes`);
  }
  return { kind, id, expect, put: { version, body, places: placesOf(change) } };
}

function recordId(change: Put): string {
  return change.kind === "slice" ? sliceId(change.put.job, change.put.number) : change.put.id;
}
