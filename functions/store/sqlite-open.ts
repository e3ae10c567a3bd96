import Database from "libsql";
import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { APPLICATION_ID, MIGRATIONS } from "./sqlite-schema.ts";

const RECOVER =
  "stop all servers of this folder, keep a copy of the file and its -wal beside it, then put a backup in its place";

/**
 * Opens the database for this process alone, checks it whole and brings its schema up to date. Everything that it refuses is left as it was.
 * The lock is the operating system's and ends with the process, however that ends.
 */
export function openDatabase(file: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: 0 });
    db.pragma("locking_mode = EXCLUSIVE");
    assertOurs(db, file);
    // FULL: COMMIT returns when the log is on disk. The log is copied back every 4,000 pages (16 MB).
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000",
    );
    db.exec("BEGIN IMMEDIATE; COMMIT");
    assertSound(db, file);
    migrate(db);
    return db;
  } catch (cause) {
    db?.close();
    throw explainFailure(cause, file);
  }
}

/** What an error of SQLite means to those who asked (https://www.sqlite.org/rescode.html). */
export function explainFailure(cause: unknown, file: string): RendtError {
  if (cause instanceof RendtError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const refuse = (to: "unavailable" | "storage_full" | "internal", message: string) =>
    new RendtError(to, message, { cause, details: { file, sqlite: code } });
  if (code === "SQLITE_FULL")
    return refuse("storage_full", `no space left for ${file}: nothing of this request was stored`);
  if (code.startsWith("SQLITE_BUSY")) return refuse("unavailable", `${file} is in use by another rendt server`);
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return refuse("unavailable", `${file} is damaged: ${RECOVER}`);
  }
  if (/^SQLITE_(IOERR|READONLY|CANTOPEN|PERM)/.test(code) || String(cause).includes("ConnectionFailed")) {
    return refuse("unavailable", `${file} can't be read or written: check the folder's owner, mode and disk`);
  }
  return refuse("internal", `the store failed on ${file}`);
}

function assertOurs(db: Database.Database, file: string): void {
  const version = readNumber(db, "PRAGMA user_version");
  const tables = readNumber(db, "SELECT count(*) FROM sqlite_schema");
  if (tables > 0 && readNumber(db, "PRAGMA application_id") !== APPLICATION_ID) {
    throw new RendtError("unavailable", `${file} is a database of another program: choose another folder`);
  }
  if (version > MIGRATIONS.length) {
    throw new RendtError(
      "unavailable",
      `${file} was written by a newer rendt (schema ${version}, this one knows ${MIGRATIONS.length}): install that version, or put a backup from before the upgrade in its place`,
      { details: { file, schema: version, known: MIGRATIONS.length } },
    );
  }
}

function assertSound(db: Database.Database, file: string): void {
  const report = db.prepare("PRAGMA quick_check(3)").raw().all();
  const lines = z
    .array(z.tuple([z.string()]))
    .parse(report)
    .flat();
  if (lines.join() !== "ok") {
    throw new RendtError("unavailable", `${file} is damaged (${lines.join("; ")}): ${RECOVER}`, { details: { file } });
  }
}

function migrate(db: Database.Database): void {
  const from = readNumber(db, "PRAGMA user_version");
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < from) continue;
    db.exec(`BEGIN; ${step} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

function readNumber(db: Database.Database, sql: string): number {
  return z.tuple([z.number()]).parse(db.prepare(sql).raw().get())[0];
}
