import type { Kind, RecordOf } from "../domain/records.ts";

/**
 * Writes a record. `expect` is the version that the writer saw, or `absent`; the record put carries its new version (expect + 1; a new
 * record any from 1).
 */
export type Put = { [K in Kind]: { kind: K; put: RecordOf<K>; expect: number | "absent" } }[Kind];
export type Removal = { kind: Kind; remove: string; expect: number };
/**
 * Adds to one of an account's counters (below zero to take off again), which begin at 0. Without a version, because accounts are hot; with
 * `most` only if the sum is at most that.
 */
export type Count = { account: string; count: string; add: number; most?: number };
export type Change = Put | Removal | Count;

/** Where a slice waits: in its job's record when `number` is undefined (job of one slice), else in a record of its own. */
export type SliceKey = { job: string; number?: number };

/** A slice that waits, with the class that it waits in and its order there. */
export type Claimable = SliceKey & { class: string; order: number };

/** A record with a timer. */
export type DueKey = { kind: "job" | "slice" | "tombstone" | "code"; id: string; wakeAt: number };

export type Page<T> = { items: T[]; next?: string };

/** What one run of a task prints. */
export type StreamKey = { job: string; run: string };

export type LogChunk = { offset: number; data: Uint8Array };

/** Names an immutable document: it belongs to one job, so that removing a job can't take another job's equal document away. */
export type DocumentKey = { job: string; hash: string };

/**
 * Everything that the marketplace remembers. It speaks job words; SQL and AWS words stay in the adapters. The version check of
 * `commit` is the only lock of the system. Records are parsed by schema when read; one written by a newer program is refused
 * with `unavailable` and never overwritten.
 */
export type Store = {
  /** Records by id, in the order asked for; strongly consistent. */
  get<K extends Kind>(kind: K, ids: readonly string[]): Promise<(RecordOf<K> | undefined)[]>;

  /**
   * All or nothing. `conflict` when any expectation does not hold (nothing is written then). When it answers `ok` the change is
   * durable; when it throws, nothing is known, and a re-read tells. One change is one conditional write, several (≤ 100, each of
   * another record) are one transaction. When every record is as expected but a counter would pass its `most`, nothing is written and
   * `quota_exceeded` is thrown, with details {account, count, most}.
   */
  commit(changes: readonly Change[]): Promise<"ok" | "conflict">;

  /** Writes an immutable document of a job and answers the SHA-256 of its text, its name; writing it again is nothing. */
  putDocument(job: string, text: string): Promise<string>;
  getDocuments(keys: readonly DocumentKey[]): Promise<(string | undefined)[]>;
  /** Removes what belongs to a job beside its records: all documents, those included whose commit never came, and its log streams. */
  removeBelongings(job: string): Promise<void>;

  /** Records of an account, newest first (jobs by createdAt, then id). `account` undefined: of all accounts, and always so for accounts themselves. */
  list<K extends "job" | "worker" | "account" | "token" | "audit">(
    kind: K,
    account: string | undefined,
    page: { limit: number; cursor?: string },
  ): Promise<Page<RecordOf<K>>>;

  /**
   * Slices of these classes of a queue that are claimable now, the soonest `order` first whatever its class. May lag behind and may name
   * slices that are no longer claimable.
   */
  findClaimable(
    place: { queue: string; classes: readonly string[] },
    page: { limit: number; cursor?: string },
  ): Promise<Page<Claimable>>;
  /**
   * The soonest claimable slice of a class. Unlike claims it does not rely for long on what was seen before, and what it finds they find from then
   * on: asked each minute, it keeps anything from being overlooked.
   */
  findNext(place: { queue: string; class: string }): Promise<Claimable | undefined>;
  /** Queues that have waiting work; may name some that have none any more. */
  listQueues(): Promise<string[]>;
  /**
   * Classes that have waiting work in a queue; may name some that have none any more. All that begin with `@`, of which there may be one
   * for each worker, are told as one: `@`.
   */
  listClasses(queue: string): Promise<string[]>;

  /** Jobs and slices (keys as in SliceKey), and tombstones, whose `wakeAt` is at or before `now`, nearest first. */
  findDue(now: number, page: { limit: number; cursor?: string }): Promise<Page<DueKey>>;

  /**
   * Books `costMs` of work on an account's virtual time and answers where it begins: max(now, virtual time), but never further ahead
   * of now than `maxLeadMs`. Bookings never overlap below that bound. One conditional update; accounts are hot, so no version.
   */
  reserve(account: string, want: { costMs: number; now: number; maxLeadMs: number }): Promise<number>;

  /** An account's counters, in the order asked for; one that was never counted is 0. Strongly consistent. */
  counts(account: string, names: readonly string[]): Promise<number[]>;

  /** Appends ≤ MAX_LOG_CHUNK_BYTES to a log stream; a chunk at an offset that is already there is nothing. Vanishes some time after `keepMs`. */
  appendChunk(stream: StreamKey, chunk: LogChunk, keep: { now: number; keepMs: number }): Promise<void>;
  /** Chunks with bytes from `after` on, and those that begin there, in order; at least one if there is any, else ≤ `limitBytes` together. */
  readChunks(stream: StreamKey, after: number, limitBytes: number): Promise<LogChunk[]>;

  /** How many candidates a claimer reads before it picks one at random: 1 where claims are serialised anyway. */
  readonly claimWindow: number;
  close(): Promise<void>;
};
