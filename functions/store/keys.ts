import type { Job, Slice } from "../domain/records.ts";

/** Names that the adapters and cdk share. */
export const TABLE_ENV = "RENDT_TABLE";
export const INDEX_BY_QUEUE = "byQueue";
export const INDEX_BY_DUE = "byDue";
export const INDEX_BY_OWNER = "byOwner";

export const sliceId = (job: string, number: number): string => `${job}.${number}`;

/**
 * Where a slice stands in its queue, or nowhere when nothing in it can be claimed at `now` (lifecycle.md, rule 5).
 * A claim that finds a fresh range past `--expires` does not take it, so such slices are no candidates either.
 */
export type QueuePlace = { queue: string; class: string; order: number };

/** The index entries of a record: both absent when it is final. */
export type IndexPlaces = { byQueue?: QueuePlace; wakeAt?: number };

export type Indexed = Slice | Job;
