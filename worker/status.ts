import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import * as z from "zod";
import { messageOf, RendtError } from "../contract/errors.ts";
import { asDiskError } from "../files/disk-error.ts";

const ruling = z.looseObject({
  code: z.string(),
  holds: z.boolean(),
  /** What it looked at, in plain words. */
  text: z.string(),
  /** Time of day, in ms, at which it may change. */
  until: z.number().optional(),
});

const task = z.looseObject({
  slot: z.int(),
  job: z.string(),
  name: z.string().optional(),
  /** Index of the task that runs now; none between two tasks of a lease. */
  index: z.int().optional(),
  /** Account that submitted it. */
  owner: z.string().optional(),
  /** Since when the slot works on this lease, and since when it stands still, in ms. */
  since: z.number(),
  pausedSince: z.number().optional(),
  cpuMs: z.number().optional(),
  memoryBytes: z.number().optional(),
  processes: z.int().optional(),
});

/** What a worker tells about itself on its own machine: `rendt worker status` and `rendt worker why`. */
export const workerStatus = z.looseObject({
  id: z.string(),
  name: z.string(),
  server: z.string(),
  pid: z.int(),
  since: z.number(),
  slots: z.int(),
  /** Slots that the owner's rules let work now. */
  allowed: z.int(),
  /** It takes nothing new: it was told to stop, or drained from afar. */
  ending: z.boolean(),
  drained: z.boolean(),
  rules: z.array(ruling),
  /** What is wrong with worker.toml since it changed. */
  problem: z.string().optional(),
  tasks: z.array(task),
  /** Leases with results that the server does not have yet. */
  delivering: z.int(),
  trafficTodayBytes: z.number(),
});
export type WorkerStatus = z.infer<typeof workerStatus>;

/** A socket's name may be this long, its last zero byte not counted (unix(7); macOS has 4 less than Linux). */
const MOST_PATH_BYTES = process.platform === "linux" ? 107 : 103;
const ANSWER_MS = 5000;

/** In a folder of its own, because the state folder can be walked by the users of a root worker's slots. */
const folderOf = (state: string): string => join(state, "status");
const pathOf = (state: string): string => join(folderOf(state), "socket");

/** Tells whoever asks on this machine, and may walk into the folder, how the worker is; one question, one answer in JSON. */
export async function serveStatus(
  state: string,
  { ask, notice }: { ask(): Promise<WorkerStatus>; notice(text: string): void },
): Promise<() => void> {
  const path = pathOf(state);
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) {
    notice(`\`rendt worker status\` won't find this worker: ${path} is too long for a socket, a shorter --dir helps`);
    return () => undefined;
  }
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    ask()
      .then((status) => socket.end(JSON.stringify(status)))
      .catch((error) => {
        notice(`can't tell the status: ${messageOf(error)}`);
        socket.destroy();
      });
  });
  try {
    mkdirSync(folderOf(state), { recursive: true, mode: 0o700 });
    chmodSync(folderOf(state), 0o700);
    // Of an earlier life: the lock of the state folder is ours.
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } catch (error) {
    notice(`\`rendt worker status\` won't find this worker: ${messageOf(error)}`);
    return () => undefined;
  }
  server.unref();
  return () => {
    server.close();
    rmSync(path, { force: true });
  };
}

/** Asks the worker of this state folder; undefined when none runs there. */
export function askStatus(state: string): Promise<WorkerStatus | undefined> {
  return new Promise((resolve, reject) => {
    const silence = `the worker in ${state} has not answered for ${ANSWER_MS / 1000} s`;
    const socket = connect(pathOf(state));
    const parts: Buffer[] = [];
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new RendtError("worker_silent", silence)));
    socket.on("data", (part) => parts.push(part));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED" || error.code === "ENOTDIR") resolve(undefined);
      else reject(asDiskError(error, "ask", pathOf(state)));
    });
    socket.once("end", () => {
      const text = Buffer.concat(parts).toString();
      // It was ending.
      if (text === "") return resolve(undefined);
      try {
        resolve(workerStatus.parse(JSON.parse(text)));
      } catch (error) {
        reject(error);
      }
    });
  });
}
