import { expect, it } from "vitest";
import { ATTACKS } from "../../../bench/attacks/list.ts";
import { attack } from "../../../bench/attacks/room.ts";
import { strictMissing } from "./scene.ts";

it.skipIf(strictMissing !== undefined)(
  `no attack succeeds at level strict${strictMissing ? `: ${strictMissing}` : ""}`,
  { timeout: 180_000 },
  async () => {
    const { verdicts, died, skipped } = await attack(
      ATTACKS.map(({ name }) => name),
      "strict",
    );
    expect(skipped).toBeUndefined();
    expect(died).toBe(false);
    expect(verdicts.map((verdict) => verdict.attack)).toEqual(ATTACKS.map(({ name }) => name));
    expect(verdicts.filter(({ got }) => got !== undefined)).toEqual([]);
    // An attack that broke off by a mistake of its own proves nothing.
    expect(verdicts.filter(({ end }) => !/^(exited 0|limit|timed_out|signalled 137)/.test(end))).toEqual([]);
  },
);

it("no attack on its slot succeeds at level none either, in a worker that is not root", {
  timeout: 60_000,
}, async () => {
  const { verdicts } = await attack(
    ["end its slot, or lie to the worker about its own end", "trace another process"],
    "none",
  );
  expect(verdicts).toMatchObject([{ end: "exited 0" }, { end: "exited 0" }]);
  expect(verdicts.map(({ got }) => got)).toEqual([undefined, undefined]);
});

it("the same programs do succeed where nothing stops them", { timeout: 60_000 }, async () => {
  const harmless = ["read the owner's private key", "read the worker's token file", "connect to a service on loopback"];
  const { verdicts } = await attack(harmless, "none");
  expect(verdicts.map(({ got }) => got)).toEqual(["key", "token", "connected"]);
});
