import { hasBit } from "../../functions/domain/bits.ts";
import { jobPlaces, slicePlaces } from "../../functions/domain/index-places.ts";
import { isFinal } from "../../functions/domain/job.ts";
import { isFresh, type Span, sizeOf } from "../../functions/domain/ranges.ts";
import type { Slice } from "../../functions/domain/records.ts";
import type { DoneEntry } from "../../functions/domain/slice-record.ts";
import { covers, entriesOf, fail, nowIn, slicesIn, type World } from "./state.ts";

/** The invariants of one slice. */
export function checkSlice(world: World, slice: Slice): void {
  const { ghost } = world;
  const entries = entriesOf(world, slice);
  const holders = [...slice.open, ...Object.values(slice.leases)];
  let [succeeded, failed] = [0, 0];
  for (let position = slice.from; position < slice.upTo; position += 1) {
    const named = entries.filter((entry) => covers(entry, position));
    const last = named.at(-1);
    const held = holders.filter((span) => covers(span, position));
    const success = last?.end === "succeeded";
    const isBad = (last?.end === "failed" || last?.end === "poison") && last.round === slice.round;
    if (success) succeeded += 1;
    if (isBad) failed += 1;
    if (held.length > 1) fail(`task ${position} is held ${held.length} times`);
    if (held.length === 1 && (success || isBad)) fail(`task ${position} is open or leased after its end`);
    if (slice.status === "open" && held.length === 0 && !success && !isBad) fail(`task ${position} is nowhere`);
    if (ghost.successes.get(position) !== (success ? last.lease : undefined)) fail(`success of ${position} changed`);
    checkHistory(world, slice, { position, named, held: held[0] });
  }
  if (slice.succeeded !== succeeded) fail(`counts ${slice.succeeded} successes of ${succeeded}`);
  if (slice.failed !== failed) fail(`counts ${slice.failed} failures of ${failed}`);
  checkAnswers(world, slice, entries);
  checkEnd(slice);
  checkIndex(world, slice);
}

type Task = { position: number; named: DoneEntry[]; held: (Span & { tries: number; crashes: number }) | undefined };

function checkHistory({ ghost }: World, slice: Slice, { position, named, held }: Task): void {
  const tries = named.filter((entry) => entry.end === "retrying" && entry.round === slice.round).length;
  const losses = ghost.losses.get(position)?.size ?? 0;
  if (held && held.tries !== tries) fail(`task ${position} has ${held.tries} tries, ${tries} results failed`);
  if (held && held.crashes !== losses) fail(`task ${position} has ${held.crashes} crashes, ${losses} losses stayed`);
  const last = named.at(-1);
  if (last?.round !== slice.round) return;
  if (last.end === "poison" && losses < slice.crashLimit) fail(`task ${position} is poison after ${losses} losses`);
  if (tries >= slice.maxTries) fail(`task ${position} was tried ${tries} times, ${slice.maxTries} are allowed`);
}

/** Every result that was acknowledged is named, and so can be answered again. */
function checkAnswers({ ghost }: World, slice: Slice, entries: DoneEntry[]): void {
  for (const [key, answer] of ghost.answers) {
    const [lease, text] = key.split("/");
    const position = Number(text);
    if (!covers(slice, position)) continue;
    const isNamed = entries.some((entry) => entry.lease === lease && entry.end !== "poison" && covers(entry, position));
    if (isNamed !== (answer === "accepted"))
      fail(`${key} was answered ${answer}, done ${isNamed ? "names" : "lacks"} it`);
  }
}

function checkEnd(slice: Slice): void {
  const size = sizeOf(slice);
  const held = slice.open.length + Object.keys(slice.leases).length;
  if (slice.status === "open") {
    if (held === 0) fail("an open slice holds nothing");
    if (slice.times.endedAt !== undefined) fail("an open slice has an end");
    return;
  }
  if (held > 0) fail(`a ${slice.status} slice holds leases or open tasks`);
  if (slice.wakeAt !== undefined) fail(`a ${slice.status} slice has a timer`);
  if (slice.status === "finished" && slice.succeeded !== size) fail("finished without all successes");
  if (slice.status === "failed" && (slice.failed === 0 || slice.succeeded + slice.failed !== size))
    fail("failed too early");
}

/** Every timer has its wakeAt, and all that can be claimed is in the queue. */
function checkIndex(world: World, slice: Slice): void {
  const { byQueue, wakeAt } = slicePlaces(slice);
  if (slice.status !== "open") {
    if (byQueue || wakeAt !== undefined) fail(`a ${slice.status} slice is indexed`);
    return;
  }
  const now = nowIn(world);
  const due = wakeAt ?? Number.POSITIVE_INFINITY;
  for (const [id, { expiresAt }] of Object.entries(slice.leases)) {
    if (due > expiresAt) fail(`lease ${id} ends at ${expiresAt}, the sweep looks at ${due}`);
  }
  for (const range of slice.open) {
    if (range.notBefore !== undefined && due > range.notBefore) fail(`nobody wakes task ${range.from}`);
  }
  const mayExpire = slice.open.some(isFresh) && !slice.pastExpiry && slice.expiresAt !== undefined;
  if (mayExpire && due > (slice.expiresAt ?? 0)) fail("nobody expires the slice");
  if (Object.keys(slice.leases).length > slice.cap) fail("more leases than the cap");
  const claimable = slice.open.some((range) => (range.notBefore ?? 0) <= now && !(slice.pastExpiry && isFresh(range)));
  const hasRoom = Object.keys(slice.leases).length < slice.cap;
  const isWoken = due <= now;
  if (claimable && hasRoom && !byQueue && !isWoken) fail("claimable work is not in the queue");
  if (byQueue && !(claimable && hasRoom)) fail("the queue names what can't be claimed");
}

/** The invariants of the header. */
export function checkWorld(world: World): void {
  const { job } = world;
  const slices = slicesIn(world);
  if (job.due && jobPlaces(job).wakeAt === undefined) fail("nobody resumes the header");
  if (!job.sums) return;
  const ended = slices.filter((slice) => hasBit(job.sums?.ended ?? "0", slice.number));
  for (const slice of slices) {
    const isEnded = ended.includes(slice);
    if (isEnded !== (slice.status !== "open")) fail(`slice ${slice.number} is ${slice.status}, its bit says otherwise`);
  }
  const sum = (count: (slice: Slice) => number) => ended.reduce((total, slice) => total + count(slice), 0);
  if (job.sums.succeeded !== sum((slice) => slice.succeeded)) fail("the header counts other successes");
  if (job.sums.failed !== sum((slice) => slice.failed)) fail("the header counts other failures");
  if (job.sums.dropped !== sum((slice) => sizeOf(slice) - slice.succeeded - slice.failed)) fail("dropped is wrong");
  if (!isFinal(job)) return;
  if (ended.length !== job.slices) fail("the header is final before its slices");
  if (job.times.endedAt === undefined) fail("a final header has no end");
}

/** A stale lease changes nothing foreign: tasks that it neither holds nor was the last to lose stay as they are. */
export function assertForeignUntouched(before: Slice, after: Slice, by: { lease: string }): void {
  for (const [id, lease] of Object.entries(before.leases)) {
    if (id === by.lease) continue;
    if (JSON.stringify(after.leases[id]) !== JSON.stringify(lease)) fail(`${by.lease} changed lease ${id}`);
  }
  for (const range of before.open) {
    if (range.was?.lease === by.lease) continue;
    for (let position = range.from; position < range.upTo; position += 1) {
      if (after.status === "expired") continue;
      const now = after.open.find((each) => covers(each, position));
      const same =
        now && now.tries === range.tries && now.crashes === range.crashes && now.was?.lease === range.was?.lease;
      if (!same) fail(`${by.lease} changed the open task ${position}`);
    }
  }
}
