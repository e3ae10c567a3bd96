import { RendtError } from "../../contract/errors.ts";
import type { Kind, RecordOf } from "../domain/records.ts";
import { assertBooking } from "./account.ts";
import { assertChunk, chunksFrom, nameStream, takeChunks } from "./chunk.ts";
import { nameDocument } from "./document.ts";
import { sortable } from "./keys.ts";
import { readCursor, toPage } from "./page.ts";
import { familyOf, mergeClasses, readDuePlace, readQueuePlace } from "./places.ts";
import type { Store } from "./port.ts";
import { overQuota, planWrites, readRecord, type Write } from "./record.ts";
import { explainFailure, openDatabase } from "./sqlite-open.ts";
import { prepareRows, prepareRuns } from "./sqlite-statements.ts";
import { createWriter } from "./sqlite-writer.ts";

/** Sorts behind every sort key. */
const LAST = "~";
const PER_READ = 16;

/**
 * The store of the embedded server: one file, one process, on the main thread (a read takes microseconds, a commit a fraction of a
 * millisecond; `bench/store.ts`). Refuses a file that another server uses, a newer or a damaged one.
 */
export function createSqliteStore({ file }: { file: string }): Store {
  const { db, close } = openDatabase(file);
  const writer = createWriter(db);
  const rows = prepareRows(db);
  const run = prepareRuns(db);

  /** Reads answer at once, and their failures become codes too. */
  async function read<T>(query: () => T | Promise<T>): Promise<T> {
    if (!db.open) throw new RendtError("unavailable", "the store is closed");
    try {
      return await query();
    } catch (cause) {
      throw explainFailure(cause);
    }
  }

  const holds = ({ kind, id, expect }: Write) => (rows.version.get([kind, id])?.version ?? "absent") === expect;

  const amountOf = (account: string, name: string) => rows.counter.get([account, name])?.amount ?? 0;

  return {
    claimWindow: 1,

    get: <K extends Kind>(kind: K, ids: readonly string[]) =>
      read(() =>
        ids.map((id) => {
          const row = rows.record.get([kind, id]);
          return row && readRecord(kind, id, row.body);
        }),
      ),

    async commit(changes) {
      const { writes, counts } = planWrites(changes);
      const answer = await writer.write(() => {
        if (!writes.every(holds)) return "conflict";
        const full = counts.find(
          ({ account, count, add, most }) => most !== undefined && amountOf(account, count) + add > most,
        );
        if (full) return overQuota(full);
        for (const write of writes) run.write(write);
        for (const { account, count, add } of counts) run.addCounter([account, count, add]);
        return "ok";
      });
      if (answer instanceof RendtError) throw answer;
      return answer;
    },

    async putDocument(job, text) {
      const hash = nameDocument(job, text);
      // Whatever names it is committed after it.
      await writer.prepare(() => run.putDocument([job, hash, text]));
      return hash;
    },
    getDocuments: (keys) => read(() => keys.map(({ job, hash }) => rows.document.get([job, hash])?.text)),
    removeBelongings: (job) =>
      writer.write(() => {
        run.removeDocuments([job]);
        // Between these two lie all names that begin with the job and a slash.
        run.removeChunks([`${job}/`, `${job}0`]);
      }),

    list: <K extends Kind>(kind: K, account: string | undefined, page: { limit: number; cursor?: string }) =>
      read(() => {
        const after = readCursor(page.cursor) ?? LAST;
        const found =
          account === undefined
            ? rows.listAll.all([kind, after, page.limit + 1])
            : rows.listOwn.all([kind, account, after, page.limit + 1]);
        const itemOf = (row: { id: string; body: string }): RecordOf<K> => readRecord(kind, row.id, row.body);
        return toPage(found, page.limit, (row) => row.sort, itemOf);
      }),

    findClaimable: ({ queue, classes }, { limit, cursor }) =>
      read(() => {
        const above = readCursor(cursor) ?? "";
        const found = classes.map((name) =>
          rows.claimable.all([queue, name, above, limit + 1]).map(({ sort }) => ({ sort, class: name })),
        );
        return toPage(mergeClasses(found), limit, sortOf, readQueuePlace);
      }),
    findNext: ({ queue, class: name }) =>
      read(() => {
        const [next] = rows.claimable.all([queue, name, "", 1]);
        return next && readQueuePlace({ sort: next.sort, class: name });
      }),
    listQueues: () =>
      read(() => {
        const queues: string[] = [];
        for (let at = rows.nextQueue.get([""]); at; at = rows.nextQueue.get([at.queue])) queues.push(at.queue);
        return queues;
      }),
    // One step per class, and one for those of single workers: DISTINCT would walk every slice that waits.
    listClasses: (queue) =>
      read(() => {
        const classes: string[] = [];
        for (let after = ""; ; ) {
          const found = rows.nextClass.get([queue, after]);
          if (!found) return classes;
          const family = familyOf(found.class);
          classes.push(family);
          after = family === found.class ? family : `${family}~`;
        }
      }),
    findDue: (now, { limit, cursor }) =>
      read(() => {
        const found = rows.due.all([readCursor(cursor) ?? "", sortable(now + 1), limit + 1]);
        return toPage(found, limit, sortOf, (row) => readDuePlace(row.sort));
      }),

    async reserve(account, want) {
      assertBooking(account, want);
      const { costMs, now, maxLeadMs } = want;
      // The order goes into the job that is committed next.
      return writer.prepare(() => {
        const ahead = rows.account.get([account])?.virtualTime ?? 0;
        const begin = Math.min(Math.max(now, ahead), now + maxLeadMs);
        run.putAccount([account, begin + costMs]);
        return begin;
      });
    },

    counts: (account, names) => read(() => names.map((name) => amountOf(account, name))),

    async appendChunk(stream, chunk, { now, keepMs }) {
      assertChunk(stream, chunk);
      const { offset, data } = chunk;
      await writer.write(() => {
        run.putChunk([
          nameStream(stream),
          offset,
          Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          now + keepMs,
        ]);
        run.dropChunks([now]);
      });
    },
    readChunks: (stream, after, limitBytes) =>
      read(() => {
        function* from(offset: number) {
          for (let last: number | undefined = offset; last !== undefined; ) {
            const found = rows.chunks.all([nameStream(stream), last, PER_READ]);
            yield* found;
            last = found.at(-1)?.offset;
          }
        }
        return takeChunks(from(chunksFrom(after)), after, limitBytes);
      }),

    async close() {
      writer.close();
      if (db.open) close();
    },
  };
}

const sortOf = (row: { sort: string }): string => row.sort;
