import type { ErrorCode } from "../../contract/errors.ts";
import type { Span } from "./ranges.ts";
import type { DocRef } from "./record-fields.ts";
import type { Slice } from "./records.ts";
import type { DoneEntry } from "./slice-record.ts";

/** How one run counts: `final` failed and is not worth another try. */
export type Verdict = "success" | "failure" | "final";

/**
 * Claims tasks under ids that were drawn before the first try of the commit; if one of them is there already, the claim has happened
 * and is answered again (lifecycle.md, rule 7).
 */
export type Claim = {
  kind: "claim";
  worker: string;
  leases: readonly string[];
  /** A longer first span. */
  holdMs?: number;
  /** This very job was asked for: one task, and no range is avoided. */
  named?: boolean;
  /** Nobody else has asked for work lately, so that to avoid this worker would only be to wait. */
  alone?: boolean;
  /** How many slots are likely to ask for work, this worker's included; 1 or the number of leases when unknown. */
  sharers?: number;
  /** About how many tasks the job has in its other slices: a share is one of all of them. */
  elsewhere?: number;
  /** ms of a task as seen in another slice of the job; used while this slice has no figure of its own. */
  taskMs?: number;
  /** Tasks a lease at most: their items have to fit into one answer. */
  most?: number;
  /** The tasks stand in a counter of their account for as long as the lease lives. */
  counted?: boolean;
};

export type Renew = { kind: "renew"; worker: string; lease: string; delivering?: boolean; paused?: boolean };

/** Notes what a lease is about to upload, so that its bytes are counted before one of them moves; what was noted stays as it is. */
export type Deliver = { kind: "deliver"; worker: string; lease: string; blobs: readonly Upload[] };
export type Upload = { position: number; sha256: string; size: number };

/** What became of the tasks from `from` on, a verdict each; `doc` holds their TaskResult[], the first of position `docFrom`. */
export type Finish = {
  kind: "finish";
  worker: string;
  lease: string;
  from: number;
  verdicts: readonly Verdict[];
  /** Bytes of the blobs that each of them names, when they are counted. */
  bytes?: readonly number[];
  doc?: DocRef;
  docFrom?: number;
  /** The lease does no more: `released` gives the rest back unharmed; `vanished`: the child of the next task is gone without a trace. */
  end?: "released" | "vanished";
  /** The round that the lease was claimed in, when known. */
  round?: number;
  /** Mean ms of these tasks. */
  taskMs?: number;
  /** Every entry of `slice.pages`, oldest first; asked for by `needs_pages`. */
  pages?: readonly DoneEntry[];
};

/** The sweep; no lease of a slice that it visits expires before `holdUntil`, because the server was away (rule 4). */
export type Expire = { kind: "expire"; holdUntil?: number };
export type Cancel = { kind: "cancel"; round: number };
/** Reopens the tasks without success in round `round` + 1. */
export type Retry = { kind: "retry"; round: number; pages?: readonly DoneEntry[] };
export type Watch = { kind: "watch"; until: number };

export type Command = Claim | Renew | Deliver | Finish | Expire | Cancel | Retry | Watch;
export type CommandKind = Command["kind"];

export type Granted = Span & { lease: string; try: number; goodForMs: number; renewFirst: boolean; watch: boolean };
export type ClaimAnswer = {
  leases: Granted[];
  /** Nothing was granted only because this worker is avoided here for now: look at further slices. */
  avoided: boolean;
};
export type RenewAnswer =
  | (Span & { state: "held"; goodForMs: number; watch: boolean })
  | { state: "lost" | "cancelled" };
/** Spans whose results count (now or before), and those that are lost to this lease for ever. */
export type FinishAnswer = { accepted: Span[]; lost: Span[] };

type Answers = {
  claim: ClaimAnswer;
  renew: RenewAnswer;
  deliver: undefined;
  finish: FinishAnswer;
  expire: undefined;
  cancel: undefined;
  retry: undefined;
  watch: undefined;
};
export type AnswerOf<K extends CommandKind> = Answers[K];
export type CommandOf<K extends CommandKind> = Extract<Command, { kind: K }>;

/** Nothing changed. `needs_pages` is no error of the contract: read the pages that `slice.pages` names and decide again. */
export type Refused = { code: ErrorCode | "needs_pages"; message: string; details?: Record<string, unknown> };

/** `slice` is the very object that was given when nothing is to be written. */
export type Decision<A> = { slice: Slice; answer: A } | Refused;

export type Decide<K extends CommandKind> = (slice: Slice, command: CommandOf<K>, now: number) => Decision<AnswerOf<K>>;
