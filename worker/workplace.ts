import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RendtError } from "../contract/errors.ts";
import { makeFolderSync } from "../files/make-folder.ts";
import { type BlobCache, createBlobCache } from "./blob-cache.ts";
import type { WorkerConfig } from "./config.ts";
import { lockTaskRoot, removeForsaken } from "./forsaken.ts";
import { newLife, readWorkerId } from "./identity.ts";
import { type Journal, type OpenLease, openJournal } from "./journal.ts";
import { killMarked } from "./leftovers.ts";
import { takeFolder, takeId } from "./only-one.ts";
import { ATTEMPT_VARIABLE } from "./process.ts";
import type { Sandbox } from "./sandbox/port.ts";
import { createSandbox } from "./sandbox/sandbox.ts";
import { createTaskFolders, removeTree, type TaskFolders } from "./task-folders.ts";

/** What a worker has on its own machine: made before it speaks to a server, taken down after. */
export type Workplace = {
  workerId: string;
  life: string;
  state: string;
  sandbox: Sandbox;
  folders: TaskFolders;
  journal: Journal;
  cache: BlobCache;
  /** Leases that an earlier life left behind. */
  left: OpenLease[];
  close(): Promise<void>;
};

export async function openWorkplace(config: WorkerConfig): Promise<Workplace> {
  const { state, notice } = config;
  const undo: (() => void | Promise<void>)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    // Not closed to others: as root, the slots' users walk through it to their tasks; all else in it is 0700.
    makeFolderSync(state, 0o711);
    undo.push(takeFolder(join(state, "lock"), state));
    const workerId = readWorkerId(state);
    const giveId = await takeId(workerId);
    if (!giveId)
      throw new RendtError(
        "worker_refused",
        `worker ${workerId} runs on this machine already, and ${state} is a copy of its folder: stop that one, or remove ${join(state, "worker-id")} and ${join(state, "journal")} to become a new worker`,
      );
    undo.push(giveId);
    const life = newLife(workerId);
    const survivors = await killMarked({ tag: `${ATTEMPT_VARIABLE}=${workerId}.` });
    if (survivors.length > 0) notice(`processes of an earlier run can't be killed: ${survivors.join(", ")}`);

    const { journal, open: left } = openJournal(join(state, "journal"), notice);
    undo.push(() => journal.close());
    const { slots, graceMs, runtimes, bus } = config;
    const sandbox = await createSandbox({ state, workerId, life, slots, graceMs, runtimes, bus, notice });
    undo.push(() => sandbox.close());
    undo.push(lockTaskRoot(sandbox.taskRoot));
    const forsaken = removeForsaken(notice, Date.now()).catch((error) =>
      notice(`can't remove what other workers left: ${messageOf(error)}`),
    );
    undo.push(() => forsaken);
    checkLevel(config, sandbox.missing);
    if (sandbox.without !== undefined)
      notice(
        `slots have no namespaces of their own, and are slower, because they are not to be had here: ${sandbox.without}`,
      );
    const folders = createTaskFolders(sandbox.taskRoot, life, notice);
    undo.push(() => folders.close());
    makePrivate(join(state, "logs"));
    const cache = await createBlobCache(join(state, "cache"), config.cacheBytes);
    removeRemains([sandbox.taskRoot, join(state, "logs")], left, (path) => {
      removeTree(path).catch((error) => notice(`can't remove ${path}: ${messageOf(error)}`));
    });
    return { workerId, life, state, sandbox, folders, journal, cache, left, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Never something less than what the owner said. */
function checkLevel({ sandbox, notice }: WorkerConfig, missing: string | undefined): void {
  if (missing === undefined) return;
  if (sandbox === "strict")
    throw new RendtError("worker_refused", `the sandbox level strict is not to be had here: ${missing}`);
  notice(`jobs of strangers are not taken, because the sandbox level strict is not to be had here: ${missing}`);
}

function makePrivate(path: string): void {
  makeFolderSync(path, 0o700);
  chmodSync(path, 0o700);
}

/** What earlier lives left on disk and no undelivered result needs. */
function removeRemains(places: readonly string[], left: readonly OpenLease[], remove: (path: string) => void): void {
  const files = left.flatMap(({ results }) => results.flatMap((result) => result.files ?? []));
  const needed = new Set(
    files.flatMap(({ folder, log }) => [...(log ?? []), ...(folder === undefined ? [] : [folder])]),
  );
  for (const place of places)
    for (const name of readdirSync(place))
      if (!name.startsWith(".") && !needed.has(join(place, name))) remove(join(place, name));
}
