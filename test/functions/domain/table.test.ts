import { describe, expect, it } from "vitest";
import type { Command, CommandKind } from "../../../functions/domain/commands.ts";
import type { Slice } from "../../../functions/domain/records.ts";
import { decide } from "../../../functions/domain/slice.ts";
import { aSlice, cancel, claim, does, expire, finish, MINUTE, renew, retry, T0 } from "./fixture.ts";

const held = does(aSlice(1), claim("l1"), T0);
const open = does(aSlice(2), claim("l1"), T0);
const late = aSlice(1, { expiresMs: MINUTE });

const SLICES: Record<Slice["status"], Slice> = {
  open,
  finished: does(held, finish("l1", 0, ["success"]), T0),
  failed: does(held, finish("l1", 0, ["failure"]), T0),
  cancelled: does(held, cancel(), T0),
  expired: does(late, expire, T0 + MINUTE),
};

const COMMANDS: Record<CommandKind, Command> = {
  claim: claim("l2"),
  renew: renew("l1"),
  deliver: { kind: "deliver", worker: "w1", lease: "l1", blobs: [{ position: 0, sha256: "0".repeat(64), size: 1 }] },
  finish: finish("l1", 0, ["success"]),
  expire,
  cancel: cancel(),
  retry: retry(),
  watch: { kind: "watch", until: T0 + MINUTE },
};

const same = "nothing changes";
const lost = { lost: [{ from: 0, upTo: 1 }], accepted: [] };
const accepted = { accepted: [{ from: 0, upTo: 1 }], lost: [] };

/** What each command does in each status: the status after it with its answer, or the code of its refusal. */
const CELLS: Record<Slice["status"], Record<CommandKind, unknown>> = {
  open: {
    claim: ["open", expect.objectContaining({ leases: [expect.objectContaining({ lease: "l2", from: 1, upTo: 2 })] })],
    renew: ["open", expect.objectContaining({ state: "held", from: 0, upTo: 1 })],
    deliver: ["open", undefined],
    finish: ["open", accepted],
    expire: same,
    cancel: ["cancelled", undefined],
    retry: "not_ended",
    watch: ["open", undefined],
  },
  finished: {
    claim: "not_available",
    renew: [same, { state: "lost" }],
    deliver: same,
    finish: [same, accepted],
    expire: same,
    cancel: same,
    retry: same,
    watch: same,
  },
  failed: {
    claim: "not_available",
    renew: [same, { state: "lost" }],
    deliver: same,
    finish: [same, accepted],
    expire: same,
    cancel: same,
    retry: ["open", undefined],
    watch: same,
  },
  cancelled: {
    claim: "not_available",
    renew: [same, { state: "cancelled" }],
    deliver: same,
    finish: [same, lost],
    expire: same,
    cancel: same,
    retry: ["open", undefined],
    watch: same,
  },
  expired: {
    claim: "not_available",
    renew: [same, { state: "lost" }],
    deliver: same,
    finish: [same, lost],
    expire: same,
    cancel: same,
    retry: ["open", undefined],
    watch: same,
  },
};

describe.each(Object.entries(SLICES))("a slice that is %s", (status, slice) => {
  it.each(Object.entries(COMMANDS))("answers %s as the table says", (kind, command) => {
    const cell = CELLS[status as Slice["status"]][kind as CommandKind];
    const decision = decide(slice, command, T0 + 1);
    if ("code" in decision) {
      expect(decision.code).toBe(cell);
      return;
    }
    const effect = decision.slice === slice ? same : decision.slice.status;
    expect(decision.answer === undefined && effect === same ? same : [effect, decision.answer]).toEqual(cell);
  });
});
