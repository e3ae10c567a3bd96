import { expect, it } from "vitest";
import type { Rule, Verdict } from "../../../worker/owner-rules/rule.ts";
import { createSteward } from "../../../worker/owner-rules/steward.ts";
import { createFakeMachine } from "./fake-sources.ts";

type FakeRule = Rule & { says: Verdict | Promise<Verdict> | Error; looks: number };

function fakeRule(about: Partial<Rule> = {}): FakeRule {
  const rule: FakeRule = {
    code: "user_present",
    everyMs: 1000,
    freezes: true,
    slots: 0,
    says: { holds: false, text: "fits" },
    looks: 0,
    async look() {
      rule.looks += 1;
      if (rule.says instanceof Error) throw rule.says;
      return rule.says;
    },
    ...about,
  };
  return rule;
}

function hire(...rules: FakeRule[]) {
  const { machine, sources, pass } = createFakeMachine();
  const news: string[] = [];
  const steward = createSteward({
    rules,
    slots: 4,
    clock: sources.clock,
    changed: () => news.push(`${steward.allowed()} allowed, ${steward.runnable()} run`),
  });
  return { steward, machine, pass, news };
}

it("lets nothing begin before every rule was looked at", async () => {
  const { steward } = hire(fakeRule());
  expect(steward.allowed()).toBe(0);
  await steward.look(true);
  expect(steward.allowed()).toBe(4);
});

it("without rules all slots may be used", () => {
  expect(hire().steward.allowed()).toBe(4);
});

it("takes the strictest of the rules that hold; one that does not freeze only keeps new work away", async () => {
  const present = fakeRule({ slots: 2 });
  const disk = fakeRule({ code: "low_disk", freezes: false });
  const { steward, pass, news } = hire(present, disk);
  await steward.look(true);
  present.says = { holds: true, text: "used" };
  pass(1000);
  await steward.look();
  expect(news.at(-1)).toBe("2 allowed, 2 run");
  disk.says = { holds: true, text: "full" };
  pass(1000);
  await steward.look();
  expect(news.at(-1)).toBe("0 allowed, 2 run");
});

it("looks at each rule as often as it asks for, and tells only what has changed", async () => {
  const often = fakeRule();
  const seldom = fakeRule({ code: "low_disk", everyMs: 10_000 });
  const { steward, pass, news } = hire(often, seldom);
  await steward.look(true);
  const told = news.length;
  for (let second = 0; second < 10; second += 1) {
    pass(1000);
    await steward.look();
  }
  expect([often.looks, seldom.looks]).toEqual([11, 2]);
  expect(news.length).toBe(told);
});

it("takes a rule that fails, or that does not answer, for unknown: nothing is begun", async () => {
  const failing = fakeRule();
  const { steward, pass } = hire(failing);
  await steward.look(true);
  failing.says = new Error("broken");
  pass(1000);
  await steward.look();
  expect(steward.rulings()).toMatchObject([{ holds: true, text: "it can't be told: broken" }]);

  const mute = fakeRule();
  const other = hire(mute);
  await other.steward.look(true);
  mute.says = new Promise(() => undefined);
  other.pass(1000);
  void other.steward.look();
  expect(other.steward.allowed()).toBe(4);
  other.pass(11_000);
  void other.steward.look();
  expect(other.steward.rulings()).toMatchObject([{ holds: true, text: "its sensor does not answer" }]);
  // It is not asked again and again meanwhile.
  expect(mute.looks).toBe(2);
});
