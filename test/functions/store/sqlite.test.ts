import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { storeContract } from "./store-contract.ts";

let dir: string;
let opened = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
});
afterAll(() => rm(dir, { recursive: true }));

describe("the store in SQLite keeps every promise of the port", () => {
  storeContract(async () => createSqliteStore({ file: join(dir, `${opened++}.db`) }));
});
