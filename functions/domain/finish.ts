import type { TaskResult } from "../../contract/result.ts";
import type { Decide, Finish, FinishAnswer, Verdict } from "./commands.ts";
import { withoutHandedIn } from "./deliver.ts";
import { namedBy } from "./done.ts";
import { isLostBy } from "./lease.ts";
import { extend, type Span, sizeOf, without } from "./ranges.ts";
import type { Slice } from "./records.ts";
import { AVOID_MS, backoffMs, settle } from "./settle.ts";
import type { DoneEntry, LiveLease, OpenRange } from "./slice-record.ts";

/** How a run counts by its job's exit codes. What could not start or was stopped for its own fault is a try like any other. */
export function verdictOf(result: Pick<TaskResult, "outcome" | "exitCode">, codes: Slice["codes"]): Verdict {
  if (result.outcome === "exited" && (codes?.success ?? [0]).includes(result.exitCode)) return "success";
  return codes?.retry && !codes.retry.includes(result.exitCode) ? "final" : "failure";
}

/**
 * Takes results in, task by task (lifecycle.md, rule 10): named in `done` by this lease → answered as before; in its live lease, or in
 * an open range that it was the last to lose → accepted; else lost, for ever and only those tasks.
 */
export const finish: Decide<"finish"> = (slice, command, now) => {
  const lease = slice.leases[command.lease];
  if (lease && lease.worker !== command.worker) {
    return {
      code: "not_your_lease",
      message: `lease ${command.lease} belongs to worker ${lease.worker}, not to ${command.worker}`,
    };
  }
  const upTo = command.from + command.verdicts.length;
  if (lease && command.from > lease.from && command.from < Math.min(upTo, lease.upTo)) {
    return {
      code: "gap",
      message: `lease ${command.lease} offers task ${command.from}, but the next one it owes is ${lease.from}`,
      details: { from: lease.from },
    };
  }

  const answer: FinishAnswer = { accepted: [], lost: [] };
  const fresh: Run[] = [];
  for (const [offset, verdict] of command.verdicts.entries()) {
    const position = command.from + offset;
    const run = runOf(slice, command, position);
    if (run) {
      fresh.push({ ...run, position, verdict });
      extend(answer.accepted, position);
    } else if (isNamed(slice, command, position)) extend(answer.accepted, position);
    else if (slice.pages && !command.pages) return needsPages(slice);
    else extend(answer.lost, position);
  }

  const taken = accept(slice, fresh, command, now);
  const after = command.end ? withTail(taken, command, now) : taken;
  return { slice: after === slice ? slice : settle(after, now), answer };
};

export const needsPages = (slice: Slice) => ({
  code: "needs_pages" as const,
  message: `the answer is in the ${slice.pages?.length} older pages of ${slice.job}.${slice.number}`,
});

/** A task that the lease holds, or lost and may still hand in; with its history, less a crash that was none. */
type Held = { tries: number; crashes: number; live: boolean };
type Run = Held & { position: number; verdict: Verdict };

function runOf(slice: Slice, command: Finish, position: number): Held | undefined {
  if (command.round !== undefined && command.round !== slice.round) return undefined;
  const lease = slice.leases[command.lease];
  if (lease && lease.from <= position && position < lease.upTo) {
    return { tries: lease.tries, crashes: lease.crashes, live: true };
  }
  const range = slice.open.find((each) => each.from <= position && position < each.upTo);
  if (!range || !isLostBy(range, command)) return undefined;
  return { tries: range.tries, crashes: range.crashes - (range.was?.crashed ? 1 : 0), live: false };
}

/** Poison is no finish: a result that comes after it is lost. */
function isNamed(slice: Slice, command: Finish, position: number): boolean {
  const entry = namedBy(slice, command.pages, { ...command, position });
  return entry !== undefined && entry.end !== "poison";
}

function accept(slice: Slice, runs: readonly Run[], command: Finish, now: number): Slice {
  if (runs.length === 0) return slice;
  const entries: DoneEntry[] = [];
  const again: OpenRange[] = [];
  let { open, leases, succeeded, failed, bytes } = slice;
  for (const run of runs) {
    const end = endOf(slice, run);
    if (end === "succeeded") succeeded += 1;
    if (end === "failed") failed += 1;
    if (end === "retrying") again.push(putBack(run, command.worker, now));
    note(entries, { position: run.position, end }, { command, slice, now });
    if (command.bytes) bytes = (bytes ?? 0) + (command.bytes[run.position - command.from] ?? 0);
    if (!run.live) open = without(open, { from: run.position, upTo: run.position + 1 });
  }
  const lease = leases[command.lease];
  const last = runs.findLast((run) => run.live);
  if (lease && last) leases = withLease(leases, command.lease, withoutHandedIn({ ...lease, from: last.position + 1 }));
  const taskMs = smoothed(slice, command.taskMs);
  return {
    ...slice,
    open: [...open, ...again],
    leases,
    succeeded,
    failed,
    done: [...slice.done, ...entries],
    ...(bytes !== undefined && { bytes }),
    ...(taskMs !== undefined && { taskMs }),
  };
}

function endOf(slice: Slice, run: Run): "succeeded" | "failed" | "retrying" {
  if (run.verdict === "success") return "succeeded";
  return run.verdict === "final" || run.tries + 1 >= slice.maxTries ? "failed" : "retrying";
}

function putBack(run: Run, worker: string, now: number): OpenRange {
  const tries = run.tries + 1;
  return {
    from: run.position,
    upTo: run.position + 1,
    tries,
    crashes: run.crashes,
    notBefore: now + backoffMs(tries),
    avoid: { worker, until: now + AVOID_MS },
  };
}

function note(
  entries: DoneEntry[],
  task: { position: number; end: DoneEntry["end"] },
  by: { command: Finish; slice: Slice; now: number },
): void {
  const { command } = by;
  const last = entries.at(-1);
  if (last?.upTo === task.position && last.end === task.end) {
    last.upTo += 1;
    return;
  }
  entries.push({
    lease: command.lease,
    worker: command.worker,
    from: task.position,
    upTo: task.position + 1,
    end: task.end,
    at: by.now,
    round: by.slice.round,
    ...(task.end !== "poison" && command.doc && { doc: command.doc, docFrom: command.docFrom ?? command.from }),
  });
}

function withLease(leases: Slice["leases"], id: string, lease: LiveLease): Slice["leases"] {
  const { [id]: _, ...others } = leases;
  return sizeOf(lease) > 0 ? { ...others, [id]: lease } : others;
}

function smoothed(slice: Slice, seen: number | undefined): number | undefined {
  if (seen === undefined || sizeOf(slice) === 1) return undefined;
  return Math.max(1, Math.round(slice.taskMs === undefined ? seen : (slice.taskMs + seen) / 2));
}

/** The lease does no more from the end of its results on: what it holds or lost there goes back, and is never its own again (rule 12). */
function withTail(slice: Slice, command: Finish, now: number): Slice {
  if (command.round !== undefined && command.round !== slice.round) return slice;
  const tail: Span = { from: command.from + command.verdicts.length, upTo: slice.upTo };
  const lease = slice.leases[command.lease];
  const parts: OpenRange[] = slice.open.filter((range) => isLostBy(range, command)).map(unharmed);
  if (lease) parts.push({ from: lease.from, upTo: lease.upTo, tries: lease.tries, crashes: lease.crashes });
  const given = parts
    .map((part) => ({ ...part, from: Math.max(part.from, tail.from) }))
    .filter((part) => sizeOf(part) > 0);
  if (given.length === 0) return slice;

  const leases = lease
    ? withLease(slice.leases, command.lease, { ...lease, upTo: Math.max(lease.from, Math.min(lease.upTo, tail.from)) })
    : slice.leases;
  const rest = given.reduce<OpenRange[]>((open, part) => without(open, part), slice.open);
  const next = { ...slice, leases };
  if (command.end === "released") {
    const avoid = { worker: command.worker, until: now + AVOID_MS };
    return { ...next, open: [...rest, ...given.map((part) => ({ ...part, avoid }))] };
  }
  return crashedAt(next, { position: tail.from, rest, given }, command, now);
}

/** Only the task whose child is gone counts a crash: its neighbours in the lease never ran. */
function crashedAt(
  slice: Slice,
  tail: { position: number; rest: OpenRange[]; given: OpenRange[] },
  command: Finish,
  now: number,
): Slice {
  const victim = tail.given.find((part) => part.from === tail.position);
  if (!victim) return { ...slice, open: [...tail.rest, ...tail.given] };
  const span = { from: victim.from, upTo: victim.from + 1 };
  const spared = without(tail.given, span);
  const crashes = victim.crashes + 1;
  if (crashes < slice.crashLimit) {
    return { ...slice, open: [...tail.rest, ...spared, { ...victim, ...span, crashes }] };
  }
  const entries: DoneEntry[] = [];
  note(entries, { position: span.from, end: "poison" }, { command, slice, now });
  return { ...slice, open: [...tail.rest, ...spared], failed: slice.failed + 1, done: [...slice.done, ...entries] };
}

/** The range as it was before the loss, which a worker that speaks again has taken back. */
function unharmed(range: OpenRange): OpenRange {
  const { was, ...rest } = range;
  return { ...rest, crashes: range.crashes - (was?.crashed ? 1 : 0) };
}
