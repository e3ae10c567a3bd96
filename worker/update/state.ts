import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { publisherKey } from "../../contract/build.ts";
import { isNewer } from "../../contract/version-order.ts";
import { asDiskError, errnoOf } from "../../files/disk-error.ts";
import { writeDurably } from "../write-durably.ts";

const installed = z.strictObject({ version: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
export type Installed = z.infer<typeof installed>;

/** Which builds a worker has, as its launcher alone writes it. Without `current` it is the program that the launcher belongs to. */
const updateState = z.strictObject({
  v: z.literal(1),
  current: installed.optional(),
  previous: installed.optional(),
  /** Installed and not yet found healthy; `starts` counts how often that was tried. */
  trying: installed.extend({ starts: z.int(), key: publisherKey }).optional(),
  /** Builds that did not become healthy; they may be tried again, ever later. */
  refused: z.array(installed.extend({ at: z.int(), times: z.int() })),
  /** The current build as it failed, start after start, before it could ask its server anything; `given` is what was the same each time. */
  failing: z.strictObject({ sha256: installed.shape.sha256, times: z.int(), given: z.string() }).optional(),
  /** Builds that were kept once and came to fail at each start: they are never taken again. */
  withdrawn: z.array(installed).optional(),
  /** Who signs now, for the key that was pinned when the owner enrolled. */
  publisher: z.strictObject({ pinned: publisherKey, key: publisherKey }).optional(),
});
export type UpdateState = z.infer<typeof updateState>;

export const NOTHING: UpdateState = { v: 1, refused: [] };

/** A launcher that is killed in the middle of a trial tries again so often. */
const MAX_STARTS = 3;
const MAX_REFUSED = 8;
/** A kept build that fails so often in a row gives way to the one before, if that one starts. */
const MAX_FAILURES = 3;
const AGAIN_AFTER_MS = 3_600_000;
const AGAIN_AT_MOST_MS = 86_400_000;

/** A start is written down before it happens, so that no crash of the machine can repeat it for ever. */
export function begin({ trying, ...rest }: UpdateState, now: number): UpdateState {
  if (!trying) return rest;
  if (trying.starts >= MAX_STARTS) return rollBack({ ...rest, trying }, now);
  return { ...rest, trying: { ...trying, starts: trying.starts + 1 } };
}

export const tryBuild = (state: UpdateState, build: Installed & { key: string }): UpdateState => ({
  ...state,
  trying: { version: build.version, sha256: build.sha256, key: build.key, starts: 0 },
});

/** The build that is tried works: it stays, and the one before it is kept. */
export function promote({ trying, current, withdrawn, failing: _, ...rest }: UpdateState, pinned: string): UpdateState {
  if (!trying) return { ...rest, ...(current && { current }), ...(withdrawn && { withdrawn }) };
  const { version, sha256, key } = trying;
  // What is older than it is not wanted anyway.
  const newer = withdrawn?.filter((one) => isNewer(one.version, version)) ?? [];
  return {
    ...rest,
    current: { version, sha256 },
    ...(current && { previous: current }),
    refused: rest.refused.filter((one) => one.sha256 !== sha256),
    ...(newer.length > 0 && { withdrawn: newer }),
    publisher: { pinned, key },
  };
}

export function rollBack({ trying, ...rest }: UpdateState, now: number): UpdateState {
  if (!trying) return rest;
  const { version, sha256 } = trying;
  const times = 1 + (rest.refused.find((one) => one.sha256 === sha256)?.times ?? 0);
  const others = rest.refused.filter((one) => one.sha256 !== sha256);
  return { ...rest, refused: [...others, { version, sha256, at: now, times }].slice(-MAX_REFUSED) };
}

/** The current build failed once more. Only failures in a row count, and only while nothing else has changed. */
export function countFailure({ failing, ...rest }: UpdateState, given: string): UpdateState {
  if (!rest.current) return rest;
  const { sha256 } = rest.current;
  const before = failing?.sha256 === sha256 && failing.given === given ? failing.times : 0;
  return { ...rest, failing: { sha256, times: before + 1, given } };
}

/** Whether the one before the current build has to show that it starts where the current one does not. */
export const isDoubted = ({ current, failing }: UpdateState, given: string): boolean =>
  failing !== undefined &&
  failing.sha256 === current?.sha256 &&
  failing.given === given &&
  failing.times >= MAX_FAILURES;

/** The current build started, or the one before it failed likewise: it is not to blame. */
export const acquit = ({ failing: _, ...rest }: UpdateState): UpdateState => rest;

/** The build before starts where the current one does not: it stays, and the current one never comes again. */
export function withdraw({ current, previous, failing: _, ...rest }: UpdateState): UpdateState {
  if (!current) return { ...rest, ...(previous && { previous }) };
  return { ...rest, ...(previous && { current: previous }), withdrawn: [...(rest.withdrawn ?? []), current] };
}

/** What was not healthy may have met a server that was away: it gets another chance after an hour, then ever later. */
export function mayTry({ refused, withdrawn }: UpdateState, sha256: string, now: number): boolean {
  if (withdrawn?.some((one) => one.sha256 === sha256)) return false;
  const found = refused.find((one) => one.sha256 === sha256);
  return !found || now - found.at >= Math.min(AGAIN_AT_MOST_MS, AGAIN_AFTER_MS * 2 ** (found.times - 1));
}

/** A worker never goes back behind what it has run well, even while that has to be fetched anew. */
export const isWanted = ({ current }: UpdateState, version: string, running: string): boolean =>
  isNewer(version, running) && !(current && isNewer(current.version, version));

/** Who may sign builds: the pinned key, or the one that it handed over to. A new enrolment pins anew. */
export const publisherOf = ({ publisher }: UpdateState, pinned: string): string =>
  publisher?.pinned === pinned ? publisher.key : pinned;

export const buildsOf = (state: string): string => join(state, "builds");
const statePath = (folder: string): string => join(folder, "state.json");

/** Nothing when there is none; one that is damaged counts as none, and the launcher's own program runs. */
export function readUpdates(folder: string): UpdateState {
  try {
    const parsed = updateState.safeParse(JSON.parse(readFileSync(statePath(folder), "utf8")));
    return parsed.success ? parsed.data : NOTHING;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || error instanceof SyntaxError) return NOTHING;
    throw asDiskError(error, "read", statePath(folder));
  }
}

export function writeUpdates(folder: string, state: UpdateState): void {
  writeDurably(statePath(folder), JSON.stringify(updateState.parse(state)));
}
