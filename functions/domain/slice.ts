import type { AnswerOf, CommandKind, CommandOf, Decide, Decision } from "./commands.ts";
import { deliver } from "./deliver.ts";
import { cancel, expire, retry } from "./end.ts";
import { finish } from "./finish.ts";
import { claim, renew } from "./lease.ts";
import type { Slice } from "./records.ts";

type Status = Slice["status"];
type Row = { [K in CommandKind]: Decide<K> };

const unchanged = (slice: Slice) => ({ slice, answer: undefined });

const notAvailable: Decide<"claim"> = (slice) => ({
  code: "not_available",
  message: `the tasks of ${slice.job} are ${slice.status}`,
});

/** A retry that another round's duplicate asks for again has been done. */
const notEnded: Decide<"retry"> = (slice, command) =>
  command.round === slice.round
    ? { code: "not_ended", message: `${slice.job} still runs: only an ended job can be retried` }
    : { slice, answer: undefined };

const watch: Decide<"watch"> = (slice, command) =>
  (slice.watchUntil ?? 0) >= command.until
    ? unchanged(slice)
    : { slice: { ...slice, watchUntil: command.until }, answer: undefined };

const lost: Decide<"renew"> = (slice) => ({ slice, answer: { state: "lost" } });
const cancelled: Decide<"renew"> = (slice) => ({ slice, answer: { state: "cancelled" } });

/** A final slice has no lease and no open task, so finish finds only what it answered before. */
const over = {
  claim: notAvailable,
  renew: lost,
  deliver: unchanged,
  finish,
  expire: unchanged,
  cancel: unchanged,
  watch: unchanged,
};

/** Status × command. What is absent in lifecycle.md is an error with a code. */
const TABLE: Record<Status, Row> = {
  open: { claim, renew, deliver, finish, expire, cancel, retry: notEnded, watch },
  finished: { ...over, retry: unchanged },
  failed: { ...over, retry },
  cancelled: { ...over, renew: cancelled, retry },
  expired: { ...over, retry },
};

/**
 * What a command does to a slice at `now`: the changed slice (the very object given when nothing is to be written) and the answer, or a
 * refusal that changes nothing. The caller sets `version`, and folds `done` (domain/done.ts) before it commits.
 */
export function decide<K extends CommandKind>(slice: Slice, command: CommandOf<K>, now: number): Decision<AnswerOf<K>> {
  return TABLE[slice.status][command.kind as K](slice, command, now);
}
