import Database from "libsql";
import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { APPLICATION_ID, MIGRATIONS } from "./sqlite-schema.ts";

type Connection = Database.Database;

const RECOVER =
  "stop all servers of this folder, keep a copy of the file and of the -wal beside it, then put a backup in its place";

/**
 * Opens the database for one server at a time, checks it whole and brings its schema up to date. What it refuses it leaves as it was.
 */
export function openDatabase(file: string): { db: Connection; close: () => void } {
  let lock: Connection | undefined;
  let db: Connection | undefined;
  try {
    lock = takeLock(`${file}.lock`);
    db = new Database(file, { timeout: 0 });
    assertOurs(db, file);
    // FULL: COMMIT returns when the log is on disk. The log is copied back every 4,000 pages (16 MB).
    db.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000`);
    assertSound(db, file);
    migrate(db);
  } catch (cause) {
    db?.close();
    lock?.close();
    throw asRefusal(explainFailure(cause, file));
  }
  return { db, close: () => closeBoth(db, lock) };
}

/** At a start nobody gains by trying again: what keeps the folder from being used has to be put right first. */
function asRefusal(reason: RendtError): RendtError {
  if (reason.code !== "unavailable") return reason;
  return new RendtError("folder_refused", reason.message, { cause: reason.cause, details: reason.details });
}

/** What an error of SQLite means to those who asked (https://www.sqlite.org/rescode.html). Callers far away learn no path. */
export function explainFailure(cause: unknown, file = "the server's database"): RendtError {
  if (cause instanceof RendtError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const refuse = (to: "unavailable" | "storage_full" | "internal", message: string) =>
    new RendtError(to, message, { cause, details: { sqlite: code } });
  if (code === "SQLITE_FULL" || code === "ENOSPC") {
    return refuse("storage_full", `no space left for ${file}: nothing of this request was stored`);
  }
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return refuse("unavailable", `${file} is damaged: ${RECOVER}`);
  }
  if (code.startsWith("SQLITE_BUSY")) return refuse("unavailable", `${file} is in use by another program`);
  if (/^(SQLITE_(IOERR|READONLY|CANTOPEN|PERM)|E[A-Z]+$)/.test(code) || String(cause).includes("ConnectionFailed")) {
    return refuse("unavailable", `${file} can't be read or written: check its folder, owner, mode and disk`);
  }
  return refuse("internal", `${file} failed`);
}

/**
 * The operating system's lock on a file of its own: it ends with the process, however that ends. A connection with prepared
 * statements would keep it until they are collected; this one has none. Nothing is ever written into the file.
 */
function takeLock(path: string): Connection {
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Error && "code" in cause && cause.code === "SQLITE_BUSY")) throw cause;
    throw new RendtError("folder_refused", `another rendt server uses this folder (${path} is locked): stop it first`, {
      cause,
    });
  }
}

/** Empties the log into the file, so that a stopped server's folder is one file to copy. */
function closeBoth(db: Connection, lock: Connection): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // The log stays beside the file and is read at the next start: all that was answered is in one of the two.
  }
  db.close();
  lock.close();
}

function assertOurs(db: Connection, file: string): void {
  const version = readNumber(db, "PRAGMA user_version");
  const tables = readNumber(db, "SELECT count(*) FROM sqlite_schema");
  if (tables > 0 && readNumber(db, "PRAGMA application_id") !== APPLICATION_ID) {
    throw new RendtError("folder_refused", `${file} is a database of another program: choose another folder`);
  }
  if (version > MIGRATIONS.length) {
    throw new RendtError(
      "folder_refused",
      `${file} was written by a newer rendt (schema ${version}, this one knows ${MIGRATIONS.length}): install that version, or put a backup from before the upgrade in its place`,
      { details: { file, schema: version, known: MIGRATIONS.length } },
    );
  }
}

function assertSound(db: Connection, file: string): void {
  const report = db.prepare("PRAGMA quick_check(3)").raw().all();
  const lines = z.array(z.tuple([z.string()])).parse(report);
  if (lines.join() !== "ok") {
    const found = lines.join("; ").replace(/\s*\n/g, "; ");
    throw new RendtError("folder_refused", `${file} is damaged (${found}): ${RECOVER}`, { details: { file } });
  }
}

function migrate(db: Connection): void {
  const from = readNumber(db, "PRAGMA user_version");
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < from) continue;
    db.exec(`BEGIN; ${step} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

function readNumber(db: Connection, sql: string): number {
  return z.tuple([z.number()]).parse(db.prepare(sql).raw().get())[0];
}
