import { expect, it } from "vitest";
import { createBudget } from "../../worker/budget.ts";

const GIB = 1024 ** 3;
const open = (gpus: string[] = []) =>
  createBudget({ cpus: 4, memoryBytes: 8 * GIB, diskBytes: 10 * GIB, gpus, roomNow: async () => 10 * GIB });
const lease = (id: string, limits?: { cpus?: number; gpus?: number; memoryBytes?: number; diskBytes?: number }) => ({
  id,
  spec: {
    ...{ command: ["true"], env: {}, outputs: [], outputsOnFailure: true, retries: 0 },
    ...{ crashLimit: 10, priority: 0, keepMs: 60_000 },
    ...(limits && { limits }),
  },
});

it("promises nothing twice, and has it all again in the end", () => {
  const budget = open();
  const whole = { cpus: 4, gpus: 0, memoryBytes: 8 * GIB, diskBytes: 10 * GIB };
  const all = budget.lend();
  expect(all).toEqual(whole);
  budget.repay(all);
  expect(budget.take(lease("a", { memoryBytes: 5 * GIB, cpus: 1, diskBytes: GIB }))).toEqual([]);
  expect(budget.take(lease("b", { memoryBytes: 5 * GIB }))).toBeUndefined();
  expect(budget.take(lease("c"))).toEqual([]);
  const rest = budget.lend();
  expect(rest).toEqual({ cpus: 3, gpus: 0, memoryBytes: 3 * GIB, diskBytes: 9 * GIB });
  budget.repay(rest);
  expect(budget.giveBack("c")).toBe(false);
  expect(budget.giveBack("a")).toBe(true);
  expect(budget.giveBack("a")).toBe(false);
  expect(budget.lend()).toEqual(whole);
});

it("lends to one question what another has not been told of", () => {
  const budget = open();
  budget.take(lease("a", { memoryBytes: 5 * GIB }));
  const first = budget.lend();
  expect(first.memoryBytes).toBe(3 * GIB);
  budget.giveBack("a");
  const second = budget.lend();
  expect(second).toEqual({ cpus: 0, gpus: 0, memoryBytes: 5 * GIB, diskBytes: 0 });
  budget.repay(first);
  budget.repay(second);
  expect(budget.lend().memoryBytes).toBe(8 * GIB);
});

it("gives each task GPUs of its own", () => {
  const budget = open(["GPU-a", "GPU-b", "GPU-c"]);
  expect(budget.take(lease("one", { gpus: 2 }))).toEqual(["GPU-a", "GPU-b"]);
  expect(budget.take(lease("two", { gpus: 2 }))).toBeUndefined();
  expect(budget.take(lease("three", { gpus: 1 }))).toEqual(["GPU-c"]);
  budget.giveBack("one");
  expect(budget.take(lease("two", { gpus: 1 }))).toEqual(["GPU-a"]);
});
