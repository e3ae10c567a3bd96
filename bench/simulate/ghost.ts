import type { ClaimAnswer, Command, Finish, FinishAnswer, RenewAnswer } from "../../functions/domain/commands.ts";
import type { Slice } from "../../functions/domain/records.ts";
import { assertForeignUntouched } from "./check.ts";
import { count, eachOf, entriesOf, fail, type Ghost, type World } from "./state.ts";

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
  switch (command.kind) {
    case "claim":
      sawClaim(world, seen.before, command.worker, seen.answer as ClaimAnswer);
      return;
    case "renew":
      assertForeignUntouched(seen.before, seen.after, command);
      sawRenew(world, seen.before, command.lease, seen.answer as RenewAnswer);
      return;
    case "finish":
      assertForeignUntouched(seen.before, seen.after, command);
      sawFinish(world, seen.before, command, seen.answer as FinishAnswer);
      return;
    case "expire":
      sawExpire(world, seen.before, seen.after);
      return;
    case "retry":
      if (seen.after !== seen.before) eachOf(seen.before, (position) => world.ghost.losses.delete(position));
      return;
    case "cancel":
    case "watch":
      return;
  }
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

function sawClaim({ ghost }: World, slice: Slice, worker: string, { leases }: ClaimAnswer): void {
  for (const { lease } of leases) {
    if (!ghost.claims.has(lease)) ghost.claims.set(lease, { round: slice.round, worker });
    else if (!slice.leases[lease]) fail(`lease ${lease} was granted twice`);
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

function sawFinish(world: World, before: Slice, command: Finish, answer: FinishAnswer): void {
  const { ghost } = world;
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
  if (command.end) sawEnd(world, before, command);
}

function sawEnd(world: World, before: Slice, { lease, from, verdicts, end }: Finish): void {
  const tail = from + verdicts.length;
  const held = [
    ...(before.leases[lease] ? [before.leases[lease]] : []),
    ...before.open.filter((range) => range.was?.lease === lease),
  ];
  for (const span of held) {
    eachOf(span, (position) => {
      if (position < tail) return;
      if (end === "vanished" && position === tail) lossesAt(world, position).add(lease);
      else takeBack(world, position, lease);
    });
  }
}

function sawExpire(world: World, before: Slice, after: Slice): void {
  for (const [id, lease] of Object.entries(before.leases)) {
    if (after.leases[id]) continue;
    count(world, "leases expired");
    if (lease.renewed) eachOf(lease, (position) => lossesAt(world, position).add(id));
  }
  if (after.failed > before.failed) count(world, "tasks poisoned");
}

function takeBack(world: World, position: number, lease: string): void {
  if (world.ghost.losses.get(position)?.delete(lease)) count(world, "crashes taken back");
}

function lossesAt({ ghost }: World, position: number): Set<string> {
  const losses = ghost.losses.get(position) ?? new Set();
  ghost.losses.set(position, losses);
  return losses;
}
