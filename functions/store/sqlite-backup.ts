import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import type Database from "libsql";

/**
 * Copies the database as it is now into a file of its own. SQLite does not sync what VACUUM INTO writes
 * (https://www.sqlite.org/lang_vacuum.html#vacuuminto), and a cut copy must not look like a backup: sync, then rename.
 */
export function writeBackup(db: Database.Database, target: string): void {
  const unfinished = `${target}.unfinished`;
  rmSync(unfinished, { force: true });
  try {
    db.prepare("VACUUM INTO ?").run([unfinished]);
    const handle = openSync(unfinished, "r+");
    fsyncSync(handle);
    closeSync(handle);
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { force: true });
  }
}
