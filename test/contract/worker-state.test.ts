import { expect, it } from "vitest";
import { isSilent, stateOf } from "../../contract/worker-state.ts";

const MINUTE = 60_000;
const now = 1000 * MINUTE;
const lately = { lastSeenAt: now - MINUTE };
const longAgo = { lastSeenAt: now - 7 * MINUTE };
const away = (why: string) => ({ away: { since: now - 3 * MINUTE, why } });
const draining = { drainingSince: now - 2 * MINUTE };
const drained = { ...draining, drainedAt: now - MINUTE };

it.each([
  ["ready", lately],
  ["silent", longAgo],
  ["draining", { ...lately, ...draining }],
  ["silent", { ...longAgo, ...draining }],
  ["drained", { ...longAgo, ...drained }],
  ["resting", { ...lately, ...away("resting") }],
  ["resting", { ...longAgo, ...away("resting") }],
  ["resting", { ...lately, ...away("something newer") }],
  ["draining", { ...longAgo, ...draining, ...away("resting") }],
  ["drained", { ...lately, ...drained, ...away("resting") }],
  ["stopped", { ...longAgo, ...away("stopped") }],
  ["stopped", { ...lately, ...drained, ...away("stopped") }],
])("a worker is %s", (state, worker) => {
  expect(stateOf(worker, now)).toBe(state);
});

it("a worker that said that it would be silent is not taken for lost", () => {
  expect(isSilent(longAgo, now)).toBe(true);
  expect(isSilent({ ...longAgo, ...away("resting") }, now)).toBe(false);
  expect(isSilent({ lastSeenAt: now - 6 * MINUTE }, now)).toBe(false);
});
