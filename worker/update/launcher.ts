import { hash } from "node:crypto";
import * as z from "zod";
import { publisherKey } from "../../contract/build.ts";
import { messageOf } from "../../contract/errors.ts";
import { isNewer } from "../../contract/version-order.ts";
import { makeFolderSync } from "../../files/make-folder.ts";
import { isHeld } from "../folder-lock.ts";
import { stampOf } from "../stamp.ts";
import { type End, startWorkerChild, type WorkerChild } from "../worker-child.ts";
import { fileOf, isWhole, pruneBuilds } from "./build-files.ts";
import { createKept } from "./kept.ts";
import {
  begin,
  type Installed,
  mayTry,
  promote,
  readUpdates,
  rollBack,
  tryBuild,
  type UpdateState,
  writeUpdates,
} from "./state.ts";

/** What a launched worker tells its launcher. */
const told = z.discriminatedUnion("is", [
  /** Its own start is through; whatever ends it from here on, its server may have had a hand in it. */
  z.strictObject({ is: z.literal("ready") }),
  z.strictObject({ is: z.literal("healthy") }),
  z.strictObject({ is: z.literal("install"), version: z.string(), sha256: z.string(), key: publisherKey }),
]);
export type Told = z.infer<typeof told>;

const HEALTHY_WITHIN_MS = 60_000;
const NOTE_AGAIN_MS = 60_000;
/** Signals by which a program ends itself; all others come from somebody else. */
const CRASHES: readonly (NodeJS.Signals | null)[] = [
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGSEGV",
  "SIGSYS",
  "SIGTRAP",
];

type Launch = {
  /** The launcher's own program and its version: what runs while no newer build is installed. */
  program: string;
  version: string;
  /** Of the builds and their state. */
  folder: string;
  /** The worker's own; while another one holds it, no build can show whether it works. */
  lock: string;
  /** The operator's key, as it came with the enrolment. */
  pinned: string;
  /** Files of the owner's that decide whether a worker starts: while they change, no build is blamed. */
  watched: readonly string[];
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  say: (text: string) => void;
  healthyWithinMs?: number;
};

/**
 * Runs a worker that brings itself up to date. It alone writes which build is the current one, so that a kill at any moment leaves the
 * old state or the new one; a new build that is not healthy in time is replaced by the one before, and so is one that was kept and comes to
 * fail at each start. What ends after it began to ask its server does not count there: a server could else choose an older version.
 */
export function launchWorker(launch: Launch): WorkerChild {
  const { folder, version, say, healthyWithinMs = HEALTHY_WITHIN_MS } = launch;
  makeFolderSync(folder, 0o700);
  let trial: { build: Installed; timer: NodeJS.Timeout; late: boolean } | undefined;
  let noting: NodeJS.Timeout | undefined;
  let canNote = true;
  const kept = createKept({
    folder,
    own: launch,
    given: () => hash("sha256", JSON.stringify([process.version, launch.args, launch.watched.map(stampOf)])),
    note,
    say,
  });

  function program(): string {
    const before = readUpdates(folder);
    const state = whatIsThere(before);
    // A trial that can't be written down could be repeated for ever.
    canNote = JSON.stringify(state) === JSON.stringify(before) || note(state);
    const { trying } = state;
    if (trying && canNote) {
      kept.leave();
      say(`starting version ${trying.version} to see whether it works`);
      trial = { build: trying, timer: setTimeout(giveUp, healthyWithinMs), late: false };
      return fileOf(folder, trying);
    }
    return kept.program(state);
  }

  /** The state before a start: without builds that the own program has overtaken, and without a trial that can't be. */
  function whatIsThere(state: UpdateState): UpdateState {
    const { current, previous: _, failing: __, ...rest } = state;
    const left = current && !isNewer(current.version, version) ? rest : state;
    const { trying } = left;
    if (!trying) return left;
    if (isWhole(folder, trying) && isNewer(trying.version, version)) return begin(left, Date.now());
    say(`version ${trying.version} is damaged on disk, or no newer: it is not started`);
    return rollBack(left, Date.now());
  }

  function giveUp(): void {
    if (trial) trial.late = true;
    say(`version ${trial?.build.version} is not healthy after ${healthyWithinMs / 1000}s`);
    child.replace("at once");
  }

  /** True when it is on disk. A full one leaves the state as it was: what is true then is found out again. */
  function note(state: UpdateState): boolean {
    try {
      writeUpdates(folder, state);
      return true;
    } catch (error) {
      say(`the state of the builds can't be written: ${messageOf(error)}`);
      return false;
    }
  }

  function hear(message: unknown): void {
    const { data } = told.safeParse(message);
    if (data?.is === "ready") kept.started();
    // One that was given up on is about to end.
    if (data?.is === "healthy" && trial && !trial.late) keep();
    // One trial at a time: what becomes healthy now is not the next build. That one is offered again.
    if (data?.is !== "install" || trial || !isWhole(folder, data)) return;
    const state = readUpdates(folder);
    if (mayTry(state, data.sha256, Date.now()) && note(tryBuild(state, data))) child.replace("drain");
  }

  function keep(): void {
    clearTimeout(trial?.timer);
    const state = promote(readUpdates(folder), launch.pinned);
    if (note(state)) {
      say(`version ${trial?.build.version} works and is kept`);
      trial = undefined;
      pruneBuilds(folder, state);
    } else noting = setTimeout(keep, NOTE_AGAIN_MS);
  }

  function next({ code, signal }: End): "now" | "later" | "never" {
    clearTimeout(noting);
    if (trial) {
      clearTimeout(trial.timer);
      // Killed by somebody, perhaps: the starts of a trial are counted, so that this ends.
      if ((signal !== null || isHeld(launch.lock)) && !trial.late) return again();
      say(`version ${trial.build.version} did not work: back to the one before`);
      trial = undefined;
      note(rollBack(readUpdates(folder), Date.now()));
      return "now";
    }
    if ((signal === null ? code !== 0 : CRASHES.includes(signal)) && !isHeld(launch.lock)) kept.failed();
    if (canNote && readUpdates(folder).trying) return "now";
    return signal === null && !isHeld(launch.lock) ? "never" : "later";
  }

  function again(): "later" {
    say(`version ${trial?.build.version} ended before it was found healthy, and not by its own fault`);
    trial = undefined;
    return "later";
  }

  const child = startWorkerChild({ ...launch, program, hear, next });
  void child.ended.then(() => {
    clearTimeout(trial?.timer);
    clearTimeout(noting);
  });
  return child;
}
