import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { sortKey } from "../../../functions/store/keys.ts";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { SQL } from "../../../functions/store/sqlite-schema.ts";

const QUEUED = 200_000;
const plans = z.array(z.object({ detail: z.string() }));

let dir: string;
let db: Database.Database;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
  const file = join(dir, "rendt.db");
  await createSqliteStore({ file }).close();
  db = new Database(file);
  const sort = sortKey(0, "").slice(0, 6);
  db.exec(`
    PRAGMA synchronous = OFF;
    INSERT INTO records (kind, id, version, body, queue, class, queue_sort, due_sort, owner, owner_sort)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${QUEUED})
    SELECT 'job', 'j' || i, 1, '{}', 'q', 'c' || i % 3, s, s, 'ann', s
    FROM (SELECT i, printf('${sort}%010d#j%d', i, i) AS s FROM n)`);
});
afterAll(async () => {
  db.close();
  await rm(dir, { recursive: true });
});

const planOf = (sql: string): string[] =>
  plans.parse(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()).map(({ detail }) => detail);

describe(`with ${QUEUED} jobs queued`, () => {
  it.each(Object.entries(SQL).filter(([, sql]) => !sql.startsWith("INSERT")))(
    "%s searches an index, walks no table and sorts nothing",
    (_, sql) => {
      const plan = planOf(sql).join("\n");
      expect(plan).toMatch(/^SEARCH/m);
      expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
    },
  );

  it("a claim reads nothing but the index", () => {
    expect(planOf(SQL.findClaimable)).toEqual([
      "SEARCH records USING COVERING INDEX by_queue (queue=? AND class=? AND queue_sort>?)",
    ]);
  });

  it("the check above knows a query that walks the table", () => {
    expect(planOf("SELECT body FROM records WHERE class = ? ORDER BY version").join()).toMatch(/SCAN.*TEMP B-TREE/);
  });

  it("an update that moves a record touches what it finds by key", () => {
    expect(planOf(SQL.put).join("\n")).not.toMatch(/SCAN/);
  });
});
