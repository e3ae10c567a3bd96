import type Database from "libsql";
import { RendtError } from "../../contract/errors.ts";
import { explainFailure } from "./sqlite-open.ts";

/** How long one transaction may hold the event loop; what still waits then goes into the next. */
const MAX_HOLD_MS = 10;

type Entry = { apply: () => () => void; reject: (reason: RendtError) => void; synced: boolean };

export type Writer = {
  /** Runs `apply` inside a transaction; the promise resolves with its answer once that is on disk. */
  write<T>(apply: () => T): Promise<T>;
  /**
   * The same for what is worth nothing without a later `write`: it is on disk when that is, because the log keeps their order. A power cut
   * before it may undo it; the end of this process does not.
   */
  prepare<T>(apply: () => T): Promise<T>;
  /** Writes what waits; refuses what comes later. */
  close(): void;
};

/**
 * Joins the writes of one turn of the event loop into one transaction, so that they share its sync. An `apply` that finds its
 * conditions broken writes nothing and says so; one that throws takes nobody with it: the others are run again without it.
 */
export function createWriter(db: Database.Database): Writer {
  const [begin, commit, rollback] = [db.prepare("BEGIN IMMEDIATE"), db.prepare("COMMIT"), db.prepare("ROLLBACK")];
  const waiting: Entry[] = [];
  let scheduled = false;
  let closed = false;
  let syncing = true;

  function schedule(): void {
    if (scheduled || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      // Closing has written them already, and the database is gone.
      if (waiting.length > 0) transact(waiting);
      schedule();
    });
  }

  /** Takes what it writes off the queue. */
  function transact(queue: Entry[]): void {
    const taken: Entry[] = [];
    const resolve: (() => void)[] = [];
    try {
      syncWhen(queue.some(({ synced }) => synced));
      begin.run();
      const until = performance.now() + MAX_HOLD_MS;
      for (let entry = queue.shift(); entry; entry = performance.now() < until ? queue.shift() : undefined) {
        taken.push(entry);
        resolve.push(entry.apply());
      }
      commit.run();
    } catch (cause) {
      undo();
      refuse(taken.length > 0 ? taken : queue.splice(0), explainFailure(cause));
      return;
    }
    for (const done of resolve) done();
  }

  /** SQLite takes this between transactions only. */
  function syncWhen(wanted: boolean): void {
    if (wanted !== syncing) db.exec(`PRAGMA synchronous = ${wanted ? "FULL" : "NORMAL"}`);
    syncing = wanted;
  }

  function refuse(entries: Entry[], reason: RendtError): void {
    // After a failed sync nobody knows what is on disk: trying again could turn an error into a false success.
    const isOver = entries.length === 1 || reason.code === "unavailable";
    for (const entry of entries) {
      if (isOver) entry.reject(reason);
      else transact([entry]);
    }
  }

  function undo(): void {
    try {
      if (db.inTransaction) rollback.run();
    } catch {
      // Those who wait are told why all the same; the next BEGIN fails as long as this stays so.
    }
  }

  function add<T>(apply: () => T, synced: boolean): Promise<T> {
    if (closed) return Promise.reject(new RendtError("unavailable", "the store is closed"));
    return new Promise<T>((resolve, reject) => {
      const entry = () => {
        const answer = apply();
        return () => resolve(answer);
      };
      waiting.push({ apply: entry, reject, synced });
      schedule();
    });
  }

  return {
    write: (apply) => add(apply, true),
    prepare: (apply) => add(apply, false),
    close() {
      closed = true;
      while (waiting.length > 0) transact(waiting);
    },
  };
}
