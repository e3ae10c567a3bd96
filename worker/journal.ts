import { closeSync, existsSync, fdatasync, ftruncateSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { messageOf, RendtError } from "../contract/errors.ts";
import { taskResult } from "../contract/result.ts";
import { type StoredLease, storedLease, taskFiles } from "./held.ts";
import { writeWhole } from "./write-durably.ts";

/** What happened to a lease, in order. */
const journalEntry = z.discriminatedUnion("is", [
  z.object({ is: z.literal("claimed"), lease: storedLease }),
  z.object({ is: z.literal("spawned"), lease: z.string(), position: z.int(), folder: z.string() }),
  z.object({
    is: z.literal("result"),
    lease: z.string(),
    position: z.int(),
    at: z.int(),
    result: taskResult,
    files: taskFiles.optional(),
  }),
  z.object({ is: z.literal("delivered"), lease: z.string(), upTo: z.int(), closed: z.boolean() }),
]);
export type JournalEntry = z.infer<typeof journalEntry>;

/** A lease that an earlier life of the worker left behind. */
export type OpenLease = {
  lease: StoredLease;
  from: number;
  spawned?: { position: number; folder: string };
  results: Extract<JournalEntry, { is: "result" }>[];
};

/**
 * The worker's memory on disk: one line of JSON per event. An entry is in the file when `write` returns, and so outlives the worker
 * (kill -9); it outlives the machine (power cut) once `sync` has answered. Concurrent syncs share one.
 */
export type Journal = {
  write(entries: readonly JournalEntry[]): void;
  sync(): Promise<void>;
  close(): void;
};

/** Above this size the file is written anew with what is still open. */
const COMPACT_BYTES = 4 * 1024 * 1024;
const fdatasyncOf = promisify(fdatasync);

export function openJournal(path: string, onProblem: (text: string) => void): { journal: Journal; open: OpenLease[] } {
  const leases = new Map<string, OpenLease>();
  for (const entry of readEntries(path)) apply(leases, entry);
  const found = structuredClone([...leases.values()]);

  let fd = openSync(path, "a", 0o600);
  let size = existsSync(path) ? rewriteNow() : 0;
  let compactAt = COMPACT_BYTES;
  let syncing: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let compacting: { since: string[]; done: Promise<void> } | undefined;

  function rewriteNow(): number {
    const draft = `${path}.new`;
    rmSync(draft, { force: true });
    // For appending: what follows a line that was cut off goes where that began.
    const draftFd = openSync(draft, "a", 0o600);
    const text = linesOf(leases);
    try {
      writeWhole(draftFd, text);
    } catch (error) {
      for (const each of [draftFd, fd]) closeSync(each);
      rmSync(draft);
      throw error;
    }
    closeSync(fd);
    renameSync(draft, path);
    fd = draftFd;
    return Buffer.byteLength(text);
  }

  /** Entries written meanwhile go to both files; the switch itself is synchronous, and no sync of the old file runs then. */
  async function compact(since: string[]): Promise<void> {
    const draft = `${path}.new`;
    const text = linesOf(leases);
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncing?.catch(() => undefined);
    const draftFd = openSync(draft, "a", 0o600);
    const rest = since.join("");
    try {
      writeWhole(draftFd, rest);
    } catch (error) {
      closeSync(draftFd);
      throw error;
    }
    renameSync(draft, path);
    closeSync(fd);
    fd = draftFd;
    size = Buffer.byteLength(text) + Buffer.byteLength(rest);
    await syncFolder(dirname(path));
  }

  function startCompacting(): void {
    const since: string[] = [];
    const done = compact(since)
      .catch((error) => onProblem(`can't shorten the journal: ${messageOf(error)}`))
      .finally(() => {
        compacting = undefined;
        compactAt = Math.max(COMPACT_BYTES, 4 * size);
      });
    compacting = { since, done };
  }

  const syncOnce = async (): Promise<void> => {
    try {
      await fdatasyncOf(fd);
    } finally {
      syncing = undefined;
    }
  };

  const journal: Journal = {
    write(entries) {
      const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
      try {
        writeWhole(fd, text);
      } catch (error) {
        // A torn line in the middle would swallow the next one.
        ftruncateSync(fd, size);
        throw error;
      }
      size += Buffer.byteLength(text);
      for (const entry of entries) apply(leases, entry);
      if (compacting) compacting.since.push(text);
      else if (size > compactAt) startCompacting();
    },
    sync() {
      if (compacting) return compacting.done.then(() => journal.sync());
      if (!syncing) {
        syncing = syncOnce();
        return syncing;
      }
      // The running one may have begun before our entry: the next covers it, and everybody who waits by then.
      next ??= syncing
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          syncing = syncOnce();
          return syncing;
        });
      return next;
    },
    close() {
      closeSync(fd);
    },
  };
  return { journal, open: found };
}

function apply(leases: Map<string, OpenLease>, entry: JournalEntry): void {
  if (entry.is === "claimed") {
    leases.set(entry.lease.id, { lease: entry.lease, from: entry.lease.from, results: [] });
    return;
  }
  const held = leases.get(entry.lease);
  if (!held) return;
  if (entry.is === "spawned") held.spawned = { position: entry.position, folder: entry.folder };
  else if (entry.is === "result") {
    held.results = [...held.results.filter(({ position }) => position !== entry.position), entry];
    if (held.spawned?.position === entry.position) delete held.spawned;
  } else {
    held.from = Math.max(held.from, entry.upTo);
    held.results = held.results.filter(({ position }) => position >= entry.upTo);
    if (entry.closed) leases.delete(entry.lease);
  }
}

function linesOf(leases: ReadonlyMap<string, OpenLease>): string {
  const entries: JournalEntry[] = [];
  for (const { lease, from, spawned, results } of leases.values()) {
    entries.push({ is: "claimed", lease });
    if (from > lease.from) entries.push({ is: "delivered", lease: lease.id, upTo: from, closed: false });
    if (spawned) entries.push({ is: "spawned", lease: lease.id, ...spawned });
    entries.push(...results);
  }
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/** A last line without its end was cut off by a crash, before anybody was told of it. */
function readEntries(path: string): JournalEntry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line, at) => {
    try {
      return journalEntry.parse(JSON.parse(line));
    } catch (cause) {
      throw new RendtError(
        "worker_refused",
        `the journal ${path} is damaged in line ${at + 1}: move it away; unfinished work is done again`,
        { cause },
      );
    }
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
