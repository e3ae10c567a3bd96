import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { INLINE_LOG_BYTES } from "../contract/limits.ts";
import type { TaskResult } from "../contract/result.ts";
import { deliver, wantsOutputs } from "./deliver.ts";
import { type Finished, giveBack, type Held, indexOf, isFresh, type TaskFiles } from "./held.ts";
import { type Inputs, openInputs } from "./inputs.ts";
import type { Run, RunEnd, Slot, TaskFolder } from "./sandbox/port.ts";
import { shipWhileWatched } from "./ship-log.ts";
import { commandOf, environmentOf } from "./task-env.ts";
import { createTaskLog, type TaskLog } from "./task-log.ts";
import type { Workshop } from "./workshop.ts";

/** Runs the tasks of a lease one after the other. Whatever happens, what was done is handed in and the rest is given back. */
export async function runLease(shop: Workshop, slot: Slot, held: Held): Promise<void> {
  // Nothing may throw past here: an attempt that ends without a report blocks its tasks until the lease runs out.
  try {
    await runTasks(shop, slot, held);
  } catch (error) {
    const message = messageOf(error);
    if (!held.gone.signal.aborted) shop.notice(`an attempt at ${held.lease.job} failed on this worker: ${message}`);
    giveBack(held, `this worker failed: ${message}`);
  }
  held.running = undefined;
  held.over = true;
  shop.outbox.look();
}

type Attempt = {
  slot: Slot;
  held: Held;
  inputs: Inputs | undefined;
  /** Ends the lease because this machine can't go on. */
  broken: AbortController;
  signal: AbortSignal;
};

async function runTasks(shop: Workshop, slot: Slot, held: Held): Promise<void> {
  const broken = new AbortController();
  const signal = AbortSignal.any([held.gone.signal, shop.cancelling, broken.signal]);
  const inputs = await openInputs(held, { ...shop, transfer: { ...shop.transfer, signal } });
  const attempt = { slot, held, inputs, broken, signal };
  for (let position = held.from + held.finished.length; position < held.upTo; position += 1) {
    if (shop.draining.aborted) return giveBack(held, "this worker stops");
    if (!isFresh(held) && !(await shop.heartbeat.fresh(held))) return;
    const reason = await runTask(shop, attempt, position);
    if (reason !== undefined) return giveBack(held, reason);
  }
  if (inputs) await shop.cache.trim();
}

let tasks = 0;

/** Runs one task; answers why the lease has to be given back from here on, if so. */
async function runTask(shop: Workshop, attempt: Attempt, position: number): Promise<string | undefined> {
  const { slot, held, inputs } = attempt;
  const folder = shop.folders.take(slot);
  let kept = false;
  try {
    if (inputs) {
      await inputs.place(folder.work, slot.user);
      if (!isFresh(held) && !(await shop.heartbeat.fresh(held))) return undefined;
    }
    const ended = await runChild(shop, attempt, { position, folder });
    const report = await settle(shop, attempt, ended);
    kept = report.kept;
    return report.reason;
  } finally {
    if (!kept) shop.folders.giveBack(slot, folder);
  }
}

type Ended = { position: number; folder: TaskFolder; log: TaskLog; end: RunEnd };

async function runChild(
  shop: Workshop,
  { slot, held, broken, signal }: Attempt,
  { position, folder }: { position: number; folder: TaskFolder },
): Promise<Ended> {
  const { spec, id } = held.lease;
  tasks += 1;
  held.running = position;
  const log = createTaskLog(join(shop.state, "logs", `${shop.life}-${tasks}`), shop.logCapBytes, shop.serverNow);
  shop.journal.write([{ is: "spawned", lease: id, position, folder: folder.root }]);
  const run: Run = {
    command: commandOf(held, position),
    env: environmentOf({ held, position, folder, tag: `${shop.life}.${tasks}.` }),
    folder,
    ...(spec.stdin !== undefined && { stdin: join(folder.work, spec.stdin) }),
    ...(spec.timeoutMs !== undefined && { timeoutMs: spec.timeoutMs }),
    output(stream, chunk) {
      if (log.failure !== undefined) broken.abort();
      return log.write(stream, chunk);
    },
  };
  const shipping = shipWhileWatched({ client: shop.client, held, index: indexOf(held.lease, position), log });
  const end = await slot.run(run, signal);
  shipping.end();
  return { position, folder, log, end };
}

/** What became of a task: why the lease has to be given back, if so, and whether the folder is still needed. */
type Report = { reason?: string; kept: boolean };

async function settle(shop: Workshop, { slot, held, inputs }: Attempt, ended: Ended): Promise<Report> {
  const { position, folder, log, end } = ended;
  const { outcome, ...rest } = end;
  if (outcome === "stopped" || outcome === "unable" || log.failure !== undefined) {
    await log.remove();
    const disk = log.failure === undefined ? undefined : `this worker can't keep the log: ${messageOf(log.failure)}`;
    return { reason: disk ?? end.reason ?? "this worker stops", kept: false };
  }
  const result: TaskResult = { index: indexOf(held.lease, position), outcome, ...rest };
  if (log.counts.bytes > 0) result.log = logOf(log);
  const files: TaskFiles = {};
  const kept = wantsOutputs(held, result);
  if (kept) Object.assign(files, { folder: folder.root, ...(slot.user && { uid: slot.user.uid }) });
  if (result.log && result.log.data === undefined) files.log = await log.close();

  const waits = kept || files.log !== undefined;
  const finished: Finished = { position, ready: !waits, result, at: Date.now(), ...(waits && { files }) };
  record(shop, held, finished);
  held.finished.push(finished);
  if (waits) await shop.deliveries.add(() => deliver(shop, { held, finished, inputs: async () => inputs?.manifest }));
  else shop.outbox.look();
  return { kept };
}

/** A full disk must not cost a result that is whole in memory. */
function record(shop: Workshop, held: Held, { position, at, result, files }: Finished): void {
  try {
    shop.journal.write([{ is: "result", lease: held.lease.id, position, at, result, ...(files && { files }) }]);
  } catch (error) {
    shop.notice(`the journal can't be written: ${messageOf(error)}; a result is in memory only until it is delivered`);
  }
}

/** A short log travels in the result itself; the bytes of a longer one follow as a blob. */
function logOf(log: TaskLog): NonNullable<TaskResult["log"]> {
  const { droppedBytes, ...counts } = log.counts;
  const ref = { ...counts, ...(droppedBytes > 0 && { droppedBytes }) };
  const whole = log.inMemory();
  if (!whole) return ref;
  const packed = gzipSync(whole);
  return packed.length > INLINE_LOG_BYTES ? ref : { ...ref, data: packed.toString("base64") };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
