import type { ClaimAnswer, Command, Finish, FinishAnswer, RenewAnswer } from "../../functions/domain/commands.ts";
import { isFresh } from "../../functions/domain/ranges.ts";
import type { Slice } from "../../functions/domain/records.ts";
import type { OpenRange } from "../../functions/domain/slice-record.ts";
import { assertForeignUntouched } from "./check.ts";
import { count, covers, eachOf, entriesOf, fail, type Ghost, nowIn, type World } from "./state.ts";

export const newGhost = (): Ghost => ({
  answers: new Map(),
  successes: new Map(),
  claims: new Map(),
  losses: new Map(),
});

type Seen = { before: Slice; after: Slice; command: Command; answer: unknown };

/** Takes note of what a command did, and of what it must not have done. */
export function witness(world: World, seen: Seen): void {
  const { command } = seen;
  if (isForged(world, command)) {
    sawForgery(seen);
    return;
  }
  if (seen.before.status === "open" && seen.after.status === "expired") sawGivenUp(seen);
  switch (command.kind) {
    case "claim":
      sawClaim(world, seen, command.worker);
      return;
    case "renew":
      assertForeignUntouched(seen.before, seen.after, command);
      sawRenew(world, seen.before, command.lease, seen.answer as RenewAnswer);
      return;
    case "finish":
      assertForeignUntouched(seen.before, seen.after, command);
      sawFinish(world, seen, command);
      return;
    case "expire":
      sawExpire(world, seen, command.holdUntil ?? 0);
      return;
    case "retry":
      if (seen.after !== seen.before) eachOf(seen.before, (position) => world.ghost.losses.delete(position));
      return;
    case "cancel":
    case "watch":
    case "deliver":
      return;
  }
}

/** --expires gives up what never ran, and nothing else. */
function sawGivenUp({ before, after, command }: Seen): void {
  const own = "lease" in command ? command.lease : undefined;
  for (const id of Object.keys(before.leases)) {
    const isPoison = after.done.some((entry) => entry.lease === id && entry.end === "poison");
    if (id !== own && !isPoison) fail(`expired while lease ${id} is live`);
  }
  const isOwn = (range: OpenRange) => own !== undefined && range.was?.lease === own;
  if (before.open.some((range) => !isFresh(range) && !isOwn(range))) fail("expired what has been tried");
}

function isForged({ ghost }: World, command: Command): boolean {
  if (command.kind !== "finish" && command.kind !== "renew") return false;
  const claim = ghost.claims.get(command.lease);
  return claim !== undefined && claim.worker !== command.worker;
}

/** To know a lease's id is not to hold it. */
function sawForgery({ before, after, answer }: Seen): void {
  const { accepted, state } = answer as Partial<FinishAnswer & RenewAnswer>;
  if (before !== after || state === "held" || (accepted ?? []).length > 0) fail("a stranger used a lease");
}

function sawClaim({ ghost }: World, { before, answer }: Seen, worker: string): void {
  for (const granted of (answer as ClaimAnswer).leases) {
    const { lease, from, upTo } = granted;
    if (!ghost.claims.has(lease)) ghost.claims.set(lease, { round: before.round, worker });
    else if (!before.leases[lease]) fail(`lease ${lease} was granted twice`);
    if (upTo - from > 1 && (ghost.losses.get(from)?.size ?? 0) > 0) fail(`${lease} takes more than one that crashed`);
  }
}

function sawRenew(world: World, slice: Slice, lease: string, answer: RenewAnswer): void {
  const { ghost } = world;
  if (answer.state !== "held") return;
  if (ghost.claims.get(lease)?.round !== slice.round) fail(`lease ${lease} of another round is held again`);
  if (slice.leases[lease]) return;
  count(world, "leases taken up again");
  eachOf(answer, (position) => takeBack(world, position, lease));
}

function sawFinish(world: World, seen: Seen, command: Finish): void {
  const { ghost } = world;
  const { before } = seen;
  const answer = seen.answer as FinishAnswer;
  const { lease, from, verdicts } = command;
  const known = entriesOf(world, before).filter((entry) => entry.lease === lease && entry.end !== "poison");
  for (const span of answer.accepted) {
    eachOf(span, (position) => {
      const key = `${lease}/${position}`;
      if (ghost.answers.get(key) === "lost") fail(`${key} is accepted after it was lost`);
      ghost.answers.set(key, "accepted");
      if (known.some((entry) => entry.from <= position && position < entry.upTo)) return;
      if (ghost.claims.get(lease)?.round !== before.round) fail(`${key} of another round is accepted`);
      takeBack(world, position, lease);
      if (!before.leases[lease]) count(world, "late results accepted");
      if (verdicts[position - from] !== "success") return;
      if (ghost.successes.has(position)) fail(`task ${position} succeeds a second time`);
      ghost.successes.set(position, lease);
    });
  }
  for (const span of answer.lost) {
    eachOf(span, (position) => {
      const key = `${lease}/${position}`;
      if (ghost.answers.get(key) === "accepted") fail(`${key} is lost after it was accepted`);
      ghost.answers.set(key, "lost");
      count(world, "results lost");
    });
  }
  if (command.end) sawEnd(world, seen, command);
}

function sawEnd(world: World, { before, after }: Seen, { lease, from, verdicts, end }: Finish): void {
  const tail = from + verdicts.length;
  const held = [
    ...(before.leases[lease] ? [before.leases[lease]] : []),
    ...before.open.filter((range) => range.was?.lease === lease),
  ];
  for (const span of held) {
    eachOf(span, (position) => {
      if (position < tail) return;
      if (end === "vanished" && position === tail) {
        lossesAt(world, position).add(lease);
        sawCrash(world, after, position);
      } else takeBack(world, position, lease);
    });
  }
}

function sawExpire(world: World, { before, after }: Seen, holdUntil: number): void {
  for (const [id, lease] of Object.entries(before.leases)) {
    if (after.leases[id]) continue;
    count(world, "leases expired");
    if (holdUntil > nowIn(world)) fail(`lease ${id} expired though the server was away`);
    if (!lease.renewed) continue;
    eachOf(lease, (position) => lossesAt(world, position).add(id));
    if (lease.upTo - lease.from === 1) sawCrash(world, after, lease.from);
  }
  if (after.failed > before.failed) count(world, "tasks poisoned");
}

/** The task was alone in its lease, so that the loss tells that it was this one. */
function sawCrash(world: World, after: Slice, position: number): void {
  if (lossesAt(world, position).size < after.crashLimit) return;
  if (after.open.some((range) => covers(range, position))) fail(`task ${position} goes on beyond its crash limit`);
}

function takeBack(world: World, position: number, lease: string): void {
  if (world.ghost.losses.get(position)?.delete(lease)) count(world, "crashes taken back");
}

function lossesAt({ ghost }: World, position: number): Set<string> {
  const losses = ghost.losses.get(position) ?? new Set();
  ghost.losses.set(position, losses);
  return losses;
}
