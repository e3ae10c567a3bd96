import { slicePlaces } from "../../functions/domain/index-places.ts";
import { cancelJob, createJob, isFinal, release, retryJob } from "../../functions/domain/job.ts";
import type { Terms } from "../../functions/domain/new-slice.ts";
import { newGhost } from "./ghost.ts";
import { drawIds, entriesOf, fail, nowIn, type SimLease, type SimWorker, slicesIn, type World } from "./state.ts";
import { createSlice, resume, sweep } from "./sweep.ts";
import {
  claimFor,
  closeTail,
  granted,
  isBusy,
  nextOf,
  offer,
  offerOf,
  renewLease,
  runNext,
  workOff,
} from "./worker.ts";
import { act, writeJob } from "./world.ts";

const START = 1_800_000_000_000;

export type Shape = { count: number; limit?: number; terms: Omit<Terms, "cap">; workers: number };

export function newWorld({ count, limit, terms, workers }: Shape): World {
  const wanted = {
    id: "j000000000000",
    owner: "a",
    requestHash: "r",
    queue: "q",
    class: "c",
    order: 0,
    keepMs: 60_000,
  };
  return {
    realTime: START,
    clockOffset: 0,
    job: createJob({ ...wanted, spec: { inline: {} }, count, limit }, START),
    slices: new Map(),
    terms: { ...terms, cap: limit === undefined ? 8 : 1 },
    documents: new Map(),
    sweep: undefined,
    workers: Array.from({ length: workers }, (_, i) => ({ id: `w${i}`, leases: new Map() })),
    mail: [],
    drawn: 0,
    ghost: newGhost(),
    slowRelease: undefined,
    backup: undefined,
    seen: new Map(),
  };
}

/** `a` and `b` choose who, what and whether the answer arrives. */
export type Step = { kind: StepKind; a: number; b: number };
type StepOf = (world: World, a: number, b: number) => void;

const TICKS = [1000, 5000, 20_000, 40_000, 61_000, 121_000];
const OUTAGES = [59_000, 61_000, 125_000, 3_600_000];
const JUMPS = [36_000_000, -36_000_000, 90_000, -90_000];

const STEPS = {
  /** Time goes by, and the sweep with it. */
  tick: (world, a) => {
    for (let left = pick(TICKS, a); left > 0; left -= 20_000) {
      world.realTime += Math.min(left, 20_000);
      sweep(world);
    }
  },
  /** Nobody sweeps. */
  outage: (world, a) => {
    world.realTime += pick(OUTAGES, a);
  },
  sweep: (world) => sweep(world),
  claim: (world, a, b) => {
    const worker = pick(world.workers, a);
    const queued = slicesIn(world).filter((slice) => slicePlaces(slice).byQueue);
    if (queued.length === 0) return;
    const { number } = pick(queued, b);
    const ids = drawIds(world, 1 + (b % 3));
    const command = claimFor(worker, ids);
    // The ids are the server's own: what it did not see committed it tries again, and finds done.
    if (b % 7 === 0) act(world, number, command);
    const answer = act<"claim">(world, number, command);
    if (answer && !("code" in answer) && b % 5 !== 0) granted(worker, number, answer.leases);
  },
  run: (world, a, b) => {
    const verdict = pick(["success", "success", "success", "failure", "final"] as const, b);
    withLease(world, a, (_, lease) => runNext(lease, verdict));
  },
  renew: (world, a, b) => withLease(world, a, (worker, lease) => renewLease(world, worker, lease, b % 4 !== 0)),
  finish: (world, a, b) =>
    withLease(world, a, (worker, lease) => {
      const command = offerOf(worker, lease);
      if (command) offer(world, lease, command, b % 4 !== 0);
    }),
  /** It is sent, and arrives later or never. */
  post: (world, a) =>
    withLease(world, a, (worker, lease) => {
      const command = offerOf(worker, lease);
      if (command) world.mail.push({ slice: lease.slice, command });
    }),
  arrive: (world, a) => {
    if (world.mail.length === 0) return;
    const { slice, command } = pick(world.mail, a);
    act(world, slice, command);
  },
  giveBack: (world, a, b) =>
    withLease(world, a, (worker, lease) => {
      closeTail(lease);
      const command = offerOf(worker, lease, "released");
      if (command) offer(world, lease, command, b % 4 !== 0);
    }),
  /** The worker restarts and finds its child gone. */
  vanish: (world, a, b) =>
    withLease(world, a, (worker, lease) => {
      if (!lease.mayRun || nextOf(lease) === undefined) return;
      closeTail(lease);
      const command = offerOf(worker, lease, "vanished");
      if (command) offer(world, lease, command, b % 4 !== 0);
    }),
  die: (world, a) => pick(world.workers, a).leases.clear(),
  /** Another worker got hold of a lease's id. */
  forge: (world, a, b) =>
    withLease(world, a, (worker, lease) => {
      const thief = world.workers.find((each) => each !== worker);
      const command = offerOf(worker, lease);
      if (!thief) return;
      if (b % 2 === 0) act(world, lease.slice, { kind: "renew", worker: thief.id, lease: lease.id });
      else if (command) act(world, lease.slice, { ...command, worker: thief.id, end: "released" });
    }),
  watch: (world, a) => {
    for (const { number } of slicesIn(world)) act(world, number, { kind: "watch", until: nowIn(world) + a });
  },
  release: (world) => {
    const job = release(world.job, world.terms, nowIn(world));
    if (job.phase === "releasing") world.slowRelease = job;
    writeJob(world, job);
  },
  /** One commit of a release that began long ago, and does not know what happened since. */
  slowRelease: (world, a) => {
    const header = world.slowRelease;
    if (header) createSlice(world, a % header.slices);
  },
  resume: (world) => {
    resume(world);
  },
  cancel: (world) => writeJob(world, cancelJob(world.job, world.job.round, nowIn(world))),
  retry: (world) => retry(world, world.job.round),
  /** A duplicate of what the owner asked for before the last retry. */
  oldWish: (world, a) => {
    const before = world.job;
    const round = before.round - 1;
    if (a % 2 === 0) writeJob(world, cancelJob(before, round, nowIn(world)));
    else retry(world, round);
    if (world.job !== before) fail("a wish of an older round was granted again");
  },
  jump: (world, a) => {
    world.clockOffset += pick(JUMPS, a);
  },
  backup: (world) => {
    world.backup = backupOf(world);
  },
  restore: (world) => world.backup?.(),
} as const satisfies Record<string, StepOf>;

export type StepKind = keyof typeof STEPS;

/** Each kind as often as it is to be drawn. */
export const WEIGHTED: readonly StepKind[] = Object.entries({
  ...{
    tick: 8,
    outage: 1,
    sweep: 2,
    claim: 8,
    run: 10,
    renew: 6,
    finish: 8,
    post: 2,
    arrive: 4,
    giveBack: 2,
    vanish: 2,
    die: 1,
  },
  ...{
    forge: 2,
    watch: 1,
    release: 3,
    slowRelease: 3,
    resume: 4,
    cancel: 1,
    retry: 4,
    oldWish: 2,
    jump: 1,
    backup: 1,
    restore: 1,
  },
} satisfies Record<StepKind, number>).flatMap(([kind, weight]) => Array<StepKind>(weight).fill(kind as StepKind));

export function run(world: World, steps: readonly Step[]): void {
  for (const { kind, a, b } of steps) STEPS[kind](world, a, b);
}

/** From every state a path to an end without the owner: sweeps and one good worker bring it about. */
export function bringToEnd(world: World): void {
  const worker: SimWorker = { id: "w-last", leases: new Map() };
  for (let round = 0; round < 1200 && !isFinal(world.job); round += 1) {
    // Now and then a leap of 100 h: a delay that was set by a clock that ran ahead is as long as it is, and a sequence may set it back often.
    world.realTime += round % 40 === 39 ? 360_000_000 : 15_000;
    if (world.job.phase === "uploading") world.realTime += 86_400_000;
    sweep(world);
    for (const slice of slicesIn(world)) if (slicePlaces(slice).byQueue) workOff(world, worker, slice.number);
  }
  if (!isFinal(world.job)) throw new Error(`violation: no end: ${JSON.stringify(world.job)}`);
}

function retry(world: World, round: number): void {
  const only = slicesIn(world)[0];
  const pages = world.job.only && only ? entriesOf(world, only) : undefined;
  const job = retryJob(world.job, { round, ...(pages && { pages }) }, nowIn(world));
  if ("code" in job) return;
  if (job.only && job !== world.job) world.ghost.losses.clear();
  writeJob(world, job);
}

function backupOf(world: World): () => void {
  const { job, slices, documents, sweep, ghost, slowRelease } = world;
  const kept = structuredClone({ job, slices, documents, sweep, ghost, slowRelease });
  return () => Object.assign(world, structuredClone(kept));
}

function withLease(world: World, a: number, use: (worker: SimWorker, lease: SimLease) => void): void {
  const known = world.workers.flatMap((worker) => [...worker.leases.values()].map((lease) => ({ worker, lease })));
  if (known.length === 0) return;
  const busy = known.filter(({ lease }) => isBusy(lease));
  const { worker, lease } = pick(busy.length > 0 ? busy : known, a);
  use(worker, lease);
}

function pick<T>(from: readonly T[], n: number): T {
  const chosen = from[n % from.length];
  if (chosen === undefined) throw new RangeError("nothing to pick from");
  return chosen;
}
