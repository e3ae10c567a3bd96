import type { JobEvent } from "../../contract/job.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { sizeOf } from "../domain/ranges.ts";
import type { Job, Slice } from "../domain/records.ts";
import { AVOID_MS } from "../domain/settle.ts";
import type { DoneEntry } from "../domain/slice-record.ts";
import type { Call } from "./call.ts";
import { ownJob } from "./own-job.ts";
import { allDone } from "./results.ts";
import { readSlices, viewJob } from "./view.ts";

/** An array's history is cut to its newest events. */
const MOST_EVENTS = 200;

/** The whole of one job: what it is now, what was asked for, and what happened. */
export async function show({ world, who }: Call, { id }: ParsedRequestOf<"show">): Promise<AnswerOf<"show">> {
  const job = await ownJob(world, who, id);
  const [view, spec, slices] = await Promise.all([viewJob(world, job), world.specs.read(job), readSlices(world, job)]);
  const done = await Promise.all(slices.map((slice) => allDone(world.store, slice)));
  const events = [...milestones(job, view.status), ...slices.flatMap((slice, at) => eventsOf(slice, done[at] ?? []))];
  events.sort((a, b) => a.at - b.at);
  const { env: _, ...withoutEnvironment } = spec;
  // An environment often holds secrets, and whoever passes a link on thinks of results.
  return { job: view, spec: who.job === undefined ? spec : withoutEnvironment, history: events.slice(-MOST_EVENTS) };
}

function milestones({ times }: Job, status: string): JobEvent[] {
  const { createdAt, releasedAt, startedAt, endedAt } = times;
  return [
    { at: createdAt, what: "created" },
    ...(releasedAt === undefined ? [] : [{ at: releasedAt, what: "released" }]),
    ...(startedAt === undefined ? [] : [{ at: startedAt, what: "started" }]),
    ...(endedAt === undefined ? [] : [{ at: endedAt, what: status }]),
  ];
}

function eventsOf(slice: Slice, done: readonly DoneEntry[]): JobEvent[] {
  const ends: Record<DoneEntry["end"], string> = {
    succeeded: "task succeeded",
    failed: "task failed",
    retrying: "try failed",
    poison: "given up",
  };
  const ended = done.map((entry) => ({
    at: entry.at,
    what: ends[entry.end],
    worker: entry.worker,
    detail: spell(entry),
  }));
  const lost = slice.open.flatMap((range) =>
    range.was
      ? [
          {
            at: slice.times.startedAt ?? 0,
            what: "worker not heard of",
            worker: range.was.worker,
            detail: spell(range),
          },
        ]
      : [],
  );
  return [...ended, ...lost, ...givenBack(slice, done)];
}

/** Known only while its worker is kept from it: the next commit after that takes the note off. */
function givenBack({ open }: Slice, done: readonly DoneEntry[]): JobEvent[] {
  return open.flatMap((range) => {
    if (!range.avoid) return [];
    const { worker, until } = range.avoid;
    const at = until - AVOID_MS;
    // A failed try keeps its worker away too, and is told as that.
    const failed = done.some((entry) => entry.at === at && entry.from <= range.from && range.from < entry.upTo);
    return failed ? [] : [{ at, what: "given back", worker, detail: spell(range) }];
  });
}

function spell(span: { from: number; upTo: number }): string {
  return sizeOf(span) === 1 ? `task ${span.from}` : `tasks ${span.from} to ${span.upTo - 1}`;
}
