import { join } from "node:path";
import { messageOf } from "../contract/errors.ts";
import type { TaskResult } from "../contract/result.ts";
import { addReason, deliver, note, wantsOutputs } from "./deliver.ts";
import { type Finished, giveBack, type Held, indexOf, isFresh, type TaskFiles, unsecret } from "./held.ts";
import { createInputs, type Inputs } from "./inputs.ts";
import { bringCancelled } from "./logs/bring-cancelled.ts";
import { finishLog } from "./logs/finish-log.ts";
import { maskOutput } from "./logs/mask-output.ts";
import { shipWhileWatched } from "./logs/ship-log.ts";
import { createTaskLog, type TaskLog } from "./logs/task-log.ts";
import type { Run, RunEnd, Slot, TaskFolder } from "./sandbox/port.ts";
import { commandOf, environmentOf } from "./task-env.ts";
import { coresPerSlot, termsOf } from "./terms.ts";
import type { Workshop } from "./workshop.ts";

/**
 * Runs the tasks of a lease one after the other. Whatever happens, what was done is handed in and the rest is given back. False when this
 * machine could not do it: then it should not ask for more at once.
 */
export async function runLease(shop: Workshop, slot: Slot, held: Held): Promise<boolean> {
  let well = true;
  // Nothing may throw past here: an attempt that ends without a report blocks its tasks until the lease runs out.
  try {
    const failure = await runTasks(shop, slot, held);
    if (failure !== undefined) throw new Error(failure);
  } catch (error) {
    if (!held.gone.signal.aborted && !shop.cancelling.aborted) {
      well = false;
      shop.notice(`${held.lease.job} is given back: ${unsecret(held, messageOf(error))}`);
    }
    giveBack(held, messageOf(error));
  }
  held.running = undefined;
  held.over = true;
  shop.outbox.look();
  return well;
}

type Attempt = {
  slot: Slot;
  held: Held;
  inputs: Inputs | undefined;
  /** Ends the lease because this machine can't go on. */
  broken: AbortController;
  signal: AbortSignal;
};

/** Answers why the lease has to be given back for a fault of this machine, if so. */
async function runTasks(shop: Workshop, slot: Slot, held: Held): Promise<string | undefined> {
  const broken = new AbortController();
  const signal = AbortSignal.any([held.gone.signal, shop.cancelling, broken.signal]);
  const inputs = createInputs(held, { ...shop, transfer: { ...shop.transfer, signal } });
  const attempt = { slot, held, inputs, broken, signal };
  for (let position = held.from + held.finished.length; position < held.upTo; position += 1) {
    if (shop.draining.aborted) giveBack(held, "this worker stops");
    else if (shop.orders.drained) giveBack(held, "this worker is drained");
    if (held.end || held.gone.signal.aborted || (!isFresh(held) && !(await shop.heartbeat.fresh(held))))
      return undefined;
    const failure = await runTask(shop, attempt, position);
    if (failure !== undefined) return failure;
  }
  if (inputs) await shop.cache.trim();
  return undefined;
}

let tasks = 0;

async function runTask(shop: Workshop, attempt: Attempt, position: number): Promise<string | undefined> {
  const { slot, held, inputs } = attempt;
  const folder = shop.folders.take(slot);
  let kept = false;
  try {
    const problem = inputs && (await inputs.place(position, { folder: folder.work, user: slot.user }));
    // Bringing the inputs may have taken longer than the claim is good for.
    if (inputs && !isFresh(held) && !(await shop.heartbeat.fresh(held))) return undefined;
    const log = createTaskLog(join(shop.state, "logs", `${shop.life}-${tasks}`), shop.logCapBytes, shop.serverNow);
    tasks += 1;
    const end =
      problem === undefined
        ? await runChild(shop, attempt, { position, folder, log })
        : ({ outcome: "not_started", exitCode: 125, reason: problem, durationMs: 0 } as const);
    const report = await settle(shop, attempt, { position, folder, log, end });
    kept = report.kept;
    return report.failure;
  } finally {
    if (!kept) shop.folders.giveBack(slot, folder);
  }
}

type Task = { position: number; folder: TaskFolder; log: TaskLog };

async function runChild(
  shop: Workshop,
  { slot, held, broken, signal }: Attempt,
  { position, folder, log }: Task,
): Promise<RunEnd> {
  const { spec, id } = held.lease;
  const terms = termsOf(held.lease, shop.house, shop.sandbox);
  if (typeof terms === "string") return { outcome: "unable", exitCode: 125, reason: terms, durationMs: 0 };
  held.running = position;
  shop.journal.write([{ is: "spawned", lease: id, position, folder: folder.root }]);
  const output = maskOutput(held.masker, (stream, chunk) => {
    if (log.failure !== undefined) broken.abort();
    return log.write(stream, chunk);
  });
  const run: Run = {
    command: commandOf(held, position),
    env: environmentOf({
      held,
      position,
      folder: shop.sandbox.inside(terms.level, folder),
      tag: `${shop.life}.${tasks}.`,
      house: shop.house,
      gpuVariable: shop.machine.gpus?.variable,
      cpus: terms.limits.cpus ?? coresPerSlot(shop.sandbox.slots.length),
    }),
    folder,
    ...terms,
    ...(spec.stdin !== undefined && { stdin: spec.stdin }),
    ...(spec.timeoutMs !== undefined && { timeoutMs: spec.timeoutMs }),
    output: output.write,
  };
  const index = indexOf(held.lease, position);
  const shipping = shipWhileWatched({ client: shop.client, rate: shop.transfer.up?.rate, held, index, log });
  try {
    return await slot.run(run, signal);
  } finally {
    await output.end();
    shipping.end();
  }
}

/** Why this machine can't go on, if so, and whether the task's folder is still needed. */
type Report = { failure?: string; kept: boolean };

async function settle(
  shop: Workshop,
  { slot, held, inputs }: Attempt,
  { position, folder, log, end }: Task & { end: RunEnd },
): Promise<Report> {
  const { outcome, ...rest } = end;
  if (held.gone.signal.reason === "cancelled" && log.failure === undefined) {
    await shop.deliveries.add(async () => {
      await bringCancelled(shop, held, { position, log });
      await log.remove().catch((error) => shop.notice(`can't remove a log: ${messageOf(error)}`));
    });
    return { kept: false };
  }
  if (outcome === "stopped" || outcome === "unable" || log.failure !== undefined) {
    await log.remove();
    if (log.failure !== undefined) return { failure: `the log can't be kept: ${messageOf(log.failure)}`, kept: false };
    if (outcome === "unable") return { failure: end.reason ?? "a process can't be started", kept: false };
    giveBack(held, "this worker stops");
    return { kept: false };
  }
  const result: TaskResult = { index: indexOf(held.lease, position), outcome, ...rest };
  if (result.reason !== undefined) result.reason = unsecret(held, result.reason);
  if (inputs && end.usage) result.usage = { ...end.usage, inputBytes: await inputs.bytes(position) };
  const files: TaskFiles = {};
  const kept = wantsOutputs(held, result);
  if (kept) Object.assign(files, { folder: folder.root, ...(slot.user && { uid: slot.user.uid }) });
  const printed = await finishLog(log, shop.logCapBytes);
  if (printed) result.log = printed.ref;
  if (printed?.files) files.log = printed.files;
  if (printed?.dropped !== undefined) addReason(result, printed.dropped);

  const waits = kept || files.log !== undefined;
  const finished: Finished = { position, ready: !waits, result, at: Date.now(), ...(waits && { files }) };
  note(shop, held, finished);
  held.finished.push(finished);
  if (waits)
    await shop.deliveries.add(() => deliver(shop, { held, finished, inputs: async () => inputs?.manifest(position) }));
  else shop.outbox.look();
  return { kept };
}
