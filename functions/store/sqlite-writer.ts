import type Database from "libsql";
import { RendtError } from "../../contract/errors.ts";
import { explainFailure } from "./sqlite-open.ts";

/** Bounds how long one transaction holds the event loop (about 10 µs each). */
const MAX_TOGETHER = 256;

type Entry = { apply: () => () => void; reject: (reason: RendtError) => void };

export type Writer = {
  /** Runs `apply` inside a transaction; the promise resolves with its answer once that is on disk. */
  write<T>(apply: () => T): Promise<T>;
  /** Writes what waits; refuses what comes later. */
  close(): void;
};

/**
 * Joins the writes of one turn of the event loop into one transaction, so that they share its sync. An `apply` that finds its
 * conditions broken writes nothing and says so; one that throws takes nobody with it: the others are run again without it.
 */
export function createWriter(db: Database.Database, file: string): Writer {
  const [begin, commit, rollback] = [db.prepare("BEGIN IMMEDIATE"), db.prepare("COMMIT"), db.prepare("ROLLBACK")];
  const waiting: Entry[] = [];
  let scheduled = false;
  let closed = false;

  function flush(): void {
    scheduled = false;
    transact(waiting.splice(0, MAX_TOGETHER));
    schedule();
  }

  function schedule(): void {
    if (scheduled || waiting.length === 0) return;
    scheduled = true;
    setImmediate(flush);
  }

  function transact(entries: Entry[]): void {
    if (entries.length === 0) return;
    const resolve: (() => void)[] = [];
    try {
      begin.run();
      for (const entry of entries) resolve.push(entry.apply());
      commit.run();
    } catch (cause) {
      if (db.inTransaction) rollback.run();
      const reason = explainFailure(cause, file);
      // After a failed sync nobody knows what is on disk: trying again could turn an error into a false success.
      const alone = entries.length === 1 || reason.code === "unavailable";
      for (const entry of entries) alone ? entry.reject(reason) : transact([entry]);
      return;
    }
    for (const done of resolve) done();
  }

  return {
    write<T>(apply: () => T) {
      if (closed) return Promise.reject(new RendtError("unavailable", "the store is closed"));
      return new Promise<T>((resolve, reject) => {
        const entry = () => {
          const answer = apply();
          return () => resolve(answer);
        };
        waiting.push({ apply: entry, reject });
        schedule();
      });
    },
    close() {
      closed = true;
      while (waiting.length > 0) transact(waiting.splice(0, MAX_TOGETHER));
    },
  };
}
