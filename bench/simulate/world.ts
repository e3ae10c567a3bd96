import type { AnswerOf, CommandKind, CommandOf, Refused } from "../../functions/domain/commands.ts";
import { folded, unfold } from "../../functions/domain/done.ts";
import { withEnded } from "../../functions/domain/job.ts";
import { withSlice } from "../../functions/domain/only-slice.ts";
import { type Job, RECORDS, type Slice } from "../../functions/domain/records.ts";
import { decide } from "../../functions/domain/slice.ts";
import { checkSlice, checkWorld } from "./check.ts";
import { witness } from "./ghost.ts";
import { count, nowIn, sliceIn, type World } from "./state.ts";

/** Runs one command as an action would, and checks everything that lifecycle.md promises of its effect. */
export function act<K extends CommandKind>(
  world: World,
  number: number,
  command: CommandOf<K>,
): AnswerOf<K> | Refused | undefined {
  const before = sliceIn(world, number);
  if (!before) return undefined;
  count(world, "commands");
  const now = nowIn(world);
  let decision = decide<K>(before, command, now);
  if ("code" in decision && decision.code === "needs_pages") {
    count(world, "answers from older pages");
    decision = decide<K>(before, { ...command, pages: unfold(before.pages ?? [], world.documents).entries }, now);
  }
  if ("code" in decision) {
    count(world, `refused: ${decision.code}`);
    return decision;
  }
  witness(world, { before, after: decision.slice, command, answer: decision.answer });
  if (decision.slice !== before) writeSlice(world, before, decision.slice);
  return decision.answer;
}

/** Commits a slice, with its header where that changes too, and looks at the whole store. */
export function writeSlice(world: World, before: Slice | undefined, changed: Slice, header?: Job): void {
  const slice = parsed(RECORDS.slice, { ...fold(world, changed), version: (before?.version ?? 0) + 1 });
  if (world.job.only) {
    writeJob(world, withSlice(world.job, slice));
  } else {
    world.slices.set(slice.number, slice);
    writeJob(
      world,
      header ?? (before?.status === slice.status ? world.job : withEnded(world.job, slice, nowIn(world))),
    );
  }
  checkSlice(world, slice);
  if (slice.status !== "open") count(world, `slices ${slice.status}`);
}

/** Commits a header; the very one that is there is not written. */
export function writeJob(world: World, job: Job): void {
  if (job !== world.job) world.job = parsed(RECORDS.job, { ...job, version: world.job.version + 1 });
  checkWorld(world);
}

/** What is written has gone through JSON and the schema, as in a store. */
function parsed<T>(schema: { parse(value: unknown): T }, value: T): T {
  return schema.parse(JSON.parse(JSON.stringify(value)));
}

/** Folds early and often: a limit of 32 would never be reached in a short run. */
function fold(world: World, slice: Slice): Slice {
  if (slice.done.length <= 4) return slice;
  const pages = slice.pages ?? [];
  const page = { pages: pages.length >= 2 ? pages : [], done: slice.done.slice(0, -2) };
  count(world, "pages folded");
  const hash = `page-${world.documents.size}`;
  world.documents.set(hash, page);
  return folded(slice, page, hash);
}
