import type Database from "libsql";
import * as z from "zod";
import type { Write } from "./record.ts";
import { SQL } from "./sqlite-schema.ts";

/** Statements that read; every row is parsed by schema. */
export function prepareRows(db: Database.Database) {
  const rows = <T>(sql: string, schema: z.ZodType<T>) => {
    const statement = db.prepare(sql);
    return {
      get(values: unknown[]): T | undefined {
        const row = statement.get(values);
        return row === undefined ? undefined : schema.parse(row);
      },
      all: (values: unknown[]): T[] => statement.all(values).map((row) => schema.parse(row)),
    };
  };
  const sort = z.object({ sort: z.string() });
  const listed = z.object({ id: z.string(), body: z.string(), sort: z.string() });
  const bytes = z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer));
  return {
    record: rows(SQL.get, z.object({ body: z.string() })),
    version: rows(SQL.version, z.object({ version: z.int() })),
    document: rows(SQL.getDocument, z.object({ text: z.string() })),
    listOwn: rows(SQL.listOwn, listed),
    listAll: rows(SQL.listAll, listed),
    claimable: rows(SQL.findClaimable, sort),
    due: rows(SQL.findDue, sort),
    nextQueue: rows(SQL.nextQueue, z.object({ queue: z.string() })),
    nextClass: rows(SQL.nextClass, z.object({ class: z.string() })),
    account: rows(SQL.getAccount, z.object({ virtualTime: z.int() })),
    counter: rows(SQL.getCounter, z.object({ amount: z.int() })),
    chunks: rows(SQL.readChunks, z.object({ offset: z.int(), data: bytes })),
  };
}

/** Statements that write, inside the writer's transaction. */
export function prepareRuns(db: Database.Database) {
  const run = (sql: string) => {
    const statement = db.prepare(sql);
    return (values: unknown[]): void => {
      statement.run(values);
    };
  };
  const [put, remove] = [run(SQL.put), run(SQL.remove)];
  return {
    write({ kind, id, put: record }: Write): void {
      if (record === undefined) {
        remove([kind, id]);
        return;
      }
      const { queue, due, owner } = record.places;
      const queued = [queue?.queue ?? null, queue?.class ?? null, queue?.sort ?? null];
      put([kind, id, record.version, record.body, ...queued, due ?? null, owner?.account ?? null, owner?.sort ?? null]);
    },
    putDocument: run(SQL.putDocument),
    removeDocuments: run(SQL.removeDocuments),
    putAccount: run(SQL.putAccount),
    addCounter: run(SQL.addCounter),
    putChunk: run(SQL.putChunk),
    removeChunks: run(SQL.removeChunks),
    dropChunks: run(SQL.dropChunks),
  };
}
