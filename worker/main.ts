import type { AnswerOf } from "../contract/operations.ts";
import { createRetryingClient } from "../contract/retry.ts";
import { runLease } from "./attempt.ts";
import { createBudget } from "./budget.ts";
import type { WorkerConfig, WorkerOptions } from "./config.ts";
import { deliver, removeFiles } from "./deliver.ts";
import { createDeliveries } from "./deliveries.ts";
import { roomAt } from "./disk-use.ts";
import { endAt, endWhenIdle } from "./endings.ts";
import { createHeartbeat, type Heartbeat } from "./heartbeat.ts";
import type { Held } from "./held.ts";
import { createInputs, createLists } from "./inputs.ts";
import { bringRefused } from "./logs/bring-cancelled.ts";
import { createLoop, type Loop } from "./loop.ts";
import { type Machine, measureMachine } from "./machine/machine.ts";
import { createOrders } from "./orders.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { askOwner, type Owner } from "./owner.ts";
import { createPresence } from "./presence.ts";
import { openReach } from "./reach.ts";
import { recover } from "./recover.ts";
import { register } from "./register.ts";
import { keepHeapSmall } from "./small-heap.ts";
import { serveStatus } from "./status.ts";
import { tellStatus } from "./tell-status.ts";
import { houseOf } from "./terms.ts";
import { openWorkplace, type Workplace } from "./workplace.ts";
import type { Workshop } from "./workshop.ts";

export type RunningWorker = {
  readonly id: string;
  /** Resolves when the server knows this worker, or when it was told to stop before; rejects when it never will. */
  readonly ready: Promise<void>;
  /** Drains: running tasks go to their end, nothing new begins. */
  stop(): void;
  /** Ends running tasks (TERM, grace, KILL) and gives them back. */
  cancel(): void;
  /** Resolves with why it ended, when all is handed in or kept for the next start; rejects when the server will not have this worker. */
  readonly done: Promise<string>;
};

/** After the last task, undelivered results are offered for so long; then they wait on disk for the next start. */
const LEAVE_AFTER_MS = 10_000;
const CANCEL_LEAVE_AFTER_MS = 2000;

const TOLD = "it was told to";

/**
 * Starts a worker: it claims and runs tasks until told to stop. It returns once this machine is ready; the server may come later.
 *
 * @example
 * const worker = await startWorker({ url: "http://127.0.0.1:4810", token, state: "/var/lib/rendt-worker", notice: console.error });
 * process.once("SIGTERM", worker.stop);
 * await worker.done;
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { config, owner } = await askOwner(options);
  keepHeapSmall();
  // Both ask programs and wait for them.
  const [place, machine] = await Promise.all([openWorkplace(config), measureMachine(config)]);
  const draining = new AbortController();
  const cancelling = new AbortController();
  let known: () => void;
  let unknown: (error: unknown) => void;
  const ready = new Promise<void>((resolve, reject) => {
    known = resolve;
    unknown = reject;
  });
  const done = work({ config, owner, place, machine, draining, cancelling, known: () => known() }).catch((error) => {
    unknown(error);
    throw error;
  });
  // Whoever does not look at one of the two looks at the other.
  ready.catch(() => undefined);
  return {
    id: place.workerId,
    ready,
    done,
    stop: () => draining.abort(TOLD),
    cancel() {
      draining.abort(TOLD);
      cancelling.abort();
    },
  };
}

type Life = {
  config: WorkerConfig;
  owner: Owner;
  place: Workplace;
  machine: Machine;
  draining: AbortController;
  cancelling: AbortController;
  known: () => void;
};

/** Answers why it ended. */
async function work(life: Life): Promise<string> {
  const { config, place, machine, draining, cancelling } = life;
  const leaving = new AbortController();
  const held = new Map<string, Held>();
  const { http, client, own, up, down, close } = openReach(config, () => held.size === 0);
  endAt(config.until, draining);
  const rest = endWhenIdle(config.idleExitMs, held, draining);
  rest();
  try {
    const registered = await register(client, life, life.owner.takes);
    life.known();
    if (!registered) return whyOf(draining);
    const clockOffset = registered.serverTime - Date.now();
    const shop: Unlinked = {
      ...place,
      client,
      transfer: {
        client: createRetryingClient(client),
        http,
        url: config.url,
        up,
        down,
      },
      lists: createLists(),
      deliveries: createDeliveries(2 * config.slots + 2),
      house: houseOf(config),
      machine,
      logCapBytes: config.logCapBytes,
      serverNow: () => Date.now() + clockOffset,
      draining: draining.signal,
      cancelling: cancelling.signal,
      leaving: leaving.signal,
      notice: config.notice,
    };
    void own.mind(client, shop.serverNow, leaving.signal);
    await claimUntilTold(life, { shop, held, leaving, registered, rest });
    return whyOf(draining);
  } finally {
    leaving.abort();
    life.owner.close();
    await place.close();
    close();
  }
}

const whyOf = ({ signal }: AbortController): string =>
  signal.aborted ? String(signal.reason) : "its one piece of work is done";

/** The parts of a workshop that do not know each other. */
type Unlinked = Omit<Workshop, "heartbeat" | "outbox" | "orders">;

type Setting = {
  shop: Unlinked;
  held: Map<string, Held>;
  leaving: AbortController;
  registered: AnswerOf<"register">;
  /** What is held has changed. */
  rest: () => void;
};

async function claimUntilTold(life: Life, setting: Setting): Promise<void> {
  const { config, owner, place, machine, draining, cancelling } = life;
  const { shop, held, leaving, rest } = setting;
  const { client, workerId, journal, notice } = shop;
  const roomNow = async () => (await roomAt(place.sandbox.taskRoot)).bytes;
  const budget = createBudget({ ...machine, gpus: machine.gpus?.ids ?? [], diskBytes: await roomNow(), roomNow });
  let fatal: { error: unknown } | undefined;
  const orders = createOrders((drained) => {
    if (drained) notice("drained from afar: nothing new is taken, what runs goes on to its end");
    else notice("resumed from afar: work is taken again");
    loop.look();
  });
  const changed = () => {
    heartbeat.look();
    outbox.look();
    rest();
    // A drained worker that has nothing left says so.
    if (orders.drained && held.size === 0 && !draining.signal.aborted) loop.look();
  };
  const heartbeat: Heartbeat = createHeartbeat({
    client,
    workerId,
    held,
    orders,
    awoke: () => loop.look(),
    renewEveryMs: setting.registered.renewEveryMs,
    changed,
    notice,
  });
  const outbox: Outbox = createOutbox({
    client,
    workerId,
    gatherMs: setting.registered.gatherMs,
    held,
    journal,
    notice,
    changed,
    wanted: () => loop.wanted(),
    accept: (leases, claim) => loop.accept(leases, claim),
    refused: (count) => loop.refused(count),
    released: (finished) => {
      removeFiles(shop, finished).catch((error) => notice(`can't remove a delivered task's files: ${error}`));
    },
    lost(of, finished) {
      void whole.deliveries.add(async () => {
        await bringRefused(whole, of, finished);
        await removeFiles(shop, finished).catch((error) => notice(`can't remove a refused task's files: ${error}`));
      });
    },
    deliverAgain(of, finished) {
      const inputs = async () => createInputs(of, whole)?.manifest(finished.position);
      void whole.deliveries.add(() => deliver(whole, { held: of, finished, inputs }));
    },
  });
  const whole: Workshop = { ...shop, heartbeat, outbox, orders };
  const presence = createPresence({
    client,
    workerId,
    held,
    rests: () => rules.allowed() === 0,
    restToldAfterMs: config.restToldAfterMs,
    leaving: leaving.signal,
    cancelling: cancelling.signal,
    notice,
  });
  const rules = await owner.keep({
    slots: place.sandbox.slots.length,
    changed() {
      loop.look();
      presence.look();
    },
    paused: () => heartbeat.tell(),
    takes(takes) {
      register(client, life, takes)
        .then(() => {
          presence.renewed();
          loop.askAnew();
        })
        .catch((error) => notice(`the server does not take the new rules: ${error}`));
    },
    notice,
  });
  const loop: Loop = createLoop({
    client,
    workerId,
    slots: place.sandbox.slots,
    held,
    budget,
    journal,
    run: (slot, lease) => rules.during(slot, lease, (mine) => runLease(whole, mine, lease)),
    changed,
    allowed: rules.allowed,
    orders,
    isAwake: () => heartbeat.isAwake(),
    most: config.once ? 1 : Number.POSITIVE_INFINITY,
    draining: draining.signal,
    fatal(error) {
      fatal = { error };
      draining.abort();
    },
    notice,
  });
  recover(whole, held, place.left);
  changed();
  presence.look();
  const closeStatus = await serveStatus(place.state, {
    ask: () =>
      tellStatus({
        id: workerId,
        config,
        slots: place.sandbox.slots.length,
        rules,
        held,
        ending: draining.signal.aborted,
        drained: orders.drained,
        trafficTodayBytes: owner.trafficToday(),
      }),
    notice,
  });

  await loop.done;
  const leave = () =>
    setTimeout(() => leaving.abort(), cancelling.signal.aborted ? CANCEL_LEAVE_AFTER_MS : LEAVE_AFTER_MS);
  const timer = leave();
  await outbox.empty(leaving.signal);
  await shop.deliveries.settled();
  clearTimeout(timer);
  if (held.size > 0) notice(`${held.size} results could not be delivered: they are kept and offered at the next start`);
  leaving.abort();
  rules.close();
  closeStatus();
  outbox.close();
  heartbeat.close();
  if (fatal) throw fatal.error;
  await presence.stop();
}
