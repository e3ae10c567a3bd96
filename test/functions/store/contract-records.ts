import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import type { Change, Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";
import {
  aJob,
  aLiveJob,
  aSlice,
  aToken,
  aTombstone,
  aWorker,
  newJob,
  newSlice,
  nextJob,
  nextSlice,
} from "./records.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const refused = (code: string) => expect.objectContaining({ name: RendtError.name, code });

async function versions(store: Store, ids: string[]): Promise<(number | undefined)[]> {
  return (await store.get("job", ids)).map((job) => job?.version);
}

export const recordCases: Cases = {
  "records of every kind are read back as they were written": async (store) => {
    const job = aLiveJob("j1");
    const slice = aSlice("j2", { number: 7 });
    const tombstone = aTombstone("j3", 5);
    const worker = aWorker("w1");
    const token = aToken("t1");
    const account = { v: 1, id: "ann", version: 1, createdAt: 1, quotas: { runningTasks: 3 } } as const;
    const terms = { account: "ann", role: "worker", uses: 2, tokenMs: 5, createdAt: 1, wakeAt: 9 } as const;
    const code = { v: 1, id: "hash", version: 1, ...terms } as const;
    const audit = { v: 1, id: "a1", version: 1, at: 5, account: "ann", by: "t1", what: "x", target: "y" } as const;
    const sweep = { v: 1, id: "sweep", version: 1, lastNow: 1, lastSweepAt: 2 } as const;
    const all: Change[] = [
      newJob(job),
      newSlice(slice),
      { kind: "tombstone", put: tombstone, expect: "absent" },
      { kind: "worker", put: worker, expect: "absent" },
      { kind: "token", put: token, expect: "absent" },
      { kind: "account", put: account, expect: "absent" },
      { kind: "code", put: code, expect: "absent" },
      { kind: "audit", put: audit, expect: "absent" },
      { kind: "sweep", put: sweep, expect: "absent" },
    ];
    for (const change of all) expect(await store.commit([change])).toBe("ok");
    expect(await store.get("job", ["j1"])).toEqual([job]);
    expect(await store.get("slice", ["j2.7"])).toEqual([slice]);
    expect(await store.get("tombstone", ["j3"])).toEqual([tombstone]);
    expect(await store.get("worker", ["w1"])).toEqual([worker]);
    expect(await store.get("token", ["t1"])).toEqual([token]);
    expect(await store.get("account", ["ann"])).toEqual([account]);
    expect(await store.get("code", ["hash"])).toEqual([code]);
    expect(await store.get("audit", ["a1"])).toEqual([audit]);
    expect(await store.list("account", undefined, { limit: 5 })).toEqual({ items: [account] });
    expect(await store.list("audit", undefined, { limit: 5 })).toEqual({ items: [audit] });
    expect(await store.findDue(9, { limit: 5 })).toMatchObject({
      items: [{ kind: "tombstone" }, { kind: "code", id: "hash", wakeAt: 9 }],
    });
    expect(await store.get("sweep", ["sweep"])).toEqual([sweep]);
  },

  "records come in the order asked for, and what is missing is undefined": async (store) => {
    for (const n of numbers(150)) await store.commit([newJob(aJob(`j${n}`))]);
    const ids = ["j7", "gone", "j3", "j7", ...numbers(150).map((n) => `j${n}`)];
    expect((await store.get("job", ids)).map((job) => job?.id)).toEqual(
      ids.map((id) => (id === "gone" ? undefined : id)),
    );
    expect(await store.get("slice", ["j7"])).toEqual([undefined]);
    expect(await store.get("job", [])).toEqual([]);
  },

  "a record that must be absent is not overwritten": async (store) => {
    await store.commit([newJob(aJob("j1", { name: "first" }))]);
    expect(await store.commit([newJob(aJob("j1", { name: "second" }))])).toBe("conflict");
    expect((await store.get("job", ["j1"]))[0]?.name).toBe("first");
  },

  "a writer that saw an older version changes nothing": async (store) => {
    const first = aJob("j1");
    await store.commit([newJob(first)]);
    expect(await store.commit([nextJob(first, { name: "second" })])).toBe("ok");
    expect(await store.commit([nextJob(first, { name: "late" })])).toBe("conflict");
    expect(await store.commit([nextJob({ ...first, version: 5 }, { name: "early" })])).toBe("conflict");
    expect(await store.get("job", ["j1"])).toEqual([{ ...first, name: "second", version: 2 }]);
  },

  "a record that is missing can't be changed or removed": async (store) => {
    expect(await store.commit([nextJob(aJob("j1"))])).toBe("conflict");
    expect(await store.commit([{ kind: "job", remove: "j1", expect: 1 }])).toBe("conflict");
    expect(await store.get("job", ["j1"])).toEqual([undefined]);
  },

  "a record is removed by who saw its last version, and may come again": async (store) => {
    const first = aJob("j1");
    await store.commit([newJob(first)]);
    await store.commit([nextJob(first)]);
    expect(await store.commit([{ kind: "job", remove: "j1", expect: 1 }])).toBe("conflict");
    expect(await store.commit([{ kind: "job", remove: "j1", expect: 2 }])).toBe("ok");
    expect(await store.get("job", ["j1"])).toEqual([undefined]);
    expect(await store.commit([newJob({ ...first, version: 3 })])).toBe("ok");
  },

  "several changes are made together": async (store) => {
    const header = aJob("j1");
    const old = aSlice("j1", { number: 1 });
    await store.commit([newJob(header)]);
    await store.commit([newSlice(old)]);
    const changes: Change[] = [
      nextJob(header, { name: "new" }),
      newSlice(aSlice("j1")),
      { kind: "slice", remove: "j1.1", expect: 1 },
    ];
    expect(await store.commit(changes)).toBe("ok");
    expect((await store.get("job", ["j1"]))[0]?.name).toBe("new");
    expect((await store.get("slice", ["j1.0", "j1.1"])).map((slice) => slice?.number)).toEqual([0, undefined]);
  },

  "of several changes none is made when one does not fit": async (store) => {
    const header = aJob("j1");
    await store.commit([newJob(header)]);
    const misfits: Change[] = [
      newJob(aJob("j1")),
      nextJob({ ...header, version: 9 }),
      nextSlice(aSlice("j8")),
      { kind: "job", remove: "j1", expect: 2 },
    ];
    for (const misfit of misfits) {
      expect(await store.commit([newJob(aJob("j2")), misfit, newSlice(aSlice("j2"))])).toBe("conflict");
    }
    expect(await versions(store, ["j1", "j2"])).toEqual([1, undefined]);
    expect(await store.get("slice", ["j2.0"])).toEqual([undefined]);
    expect(await store.findClaimable({ queue: "q", classes: ["c"] }, { limit: 10 })).toEqual({ items: [] });
  },

  "a hundred changes are made together": async (store) => {
    expect(await store.commit(numbers(100).map((n) => newSlice(aSlice("j1", { number: n }))))).toBe("ok");
    const found = await store.get(
      "slice",
      numbers(100).map((n) => `j1.${n}`),
    );
    expect(found.map((slice) => slice?.number)).toEqual(numbers(100));
  },

  "of 32 commits of one record at once exactly one wins": async (store) => {
    const first = aJob("j1");
    await store.commit([newJob(first)]);
    const answers = await Promise.all(numbers(32).map((n) => store.commit([nextJob(first, { name: `${n}` })])));
    const winners = numbers(32).filter((n) => answers[n] === "ok");
    expect(winners).toHaveLength(1);
    expect(await store.get("job", ["j1"])).toEqual([{ ...first, name: `${winners[0]}`, version: 2 }]);
  },

  "of 32 creations of one record at once exactly one wins": async (store) => {
    const answers = await Promise.all(numbers(32).map(() => store.commit([newJob(aJob("j1"))])));
    expect(answers.filter((answer) => answer === "ok")).toHaveLength(1);
  },

  "32 commits of different records at once all win": async (store) => {
    const answers = await Promise.all(numbers(32).map((n) => store.commit([newJob(aJob(`j${n}`))])));
    expect(answers).toEqual(answers.map(() => "ok"));
    expect(
      await versions(
        store,
        numbers(32).map((n) => `j${n}`),
      ),
    ).toEqual(numbers(32).map(() => 1));
  },

  "of 16 transactions over the same two records exactly one wins both": async (store) => {
    const [a, b] = [aJob("j1"), aJob("j2")];
    await Promise.all([store.commit([newJob(a)]), store.commit([newJob(b)])]);
    const answers = await Promise.all(
      numbers(16).map((n) => store.commit([nextJob(a, { name: `${n}` }), nextJob(b, { name: `${n}` })])),
    );
    const winners = numbers(16).filter((n) => answers[n] === "ok");
    expect(winners).toHaveLength(1);
    expect((await store.get("job", ["j1", "j2"])).map((job) => job?.name)).toEqual([`${winners[0]}`, `${winners[0]}`]);
  },

  "counters in one record lose nothing to writers who retry on conflict": async (store) => {
    await store.commit([newJob(aJob("j1", { order: 0 }))]);
    async function increment(): Promise<void> {
      for (;;) {
        const [seen] = await store.get("job", ["j1"]);
        if (seen && (await store.commit([nextJob(seen, { order: seen.order + 1 })])) === "ok") return;
      }
    }
    await Promise.all(numbers(8).map(increment));
    expect((await store.get("job", ["j1"]))[0]?.order).toBe(8);
  },

  "money moves between two records without being lost or made": async (store) => {
    const ids = ["j1", "j2", "j3"];
    for (const id of ids) await store.commit([newJob(aJob(id, { order: 100 }))]);
    async function move(n: number): Promise<void> {
      for (;;) {
        const [from, to] = await store.get("job", [ids[n % 3] ?? "", ids[(n + 1) % 3] ?? ""]);
        if (!from || !to) throw new Error("a record is missing");
        const changes = [nextJob(from, { order: from.order - n }), nextJob(to, { order: to.order + n })];
        if ((await store.commit(changes)) === "ok") return;
      }
    }
    await Promise.all(numbers(9).map(move));
    const orders = (await store.get("job", ids)).map((job) => job?.order ?? 0);
    expect(orders.reduce((sum, order) => sum + order)).toBe(300);
  },

  "a record that a newer program wrote is refused, alone and in a list": async (store) => {
    const newer = Object.assign(aJob("j1"), { v: 2, added: true });
    await store.commit([newJob(newer)]);
    await expect(store.get("job", ["j1"])).rejects.toEqual(refused("unavailable"));
    await expect(store.get("job", ["j1"])).rejects.toThrow("job j1 was written by a newer rendt");
    await expect(store.list("job", "ann", { limit: 5 })).rejects.toEqual(refused("unavailable"));
  },

  "a record that does not fit its schema is refused": async (store) => {
    await store.commit([newJob(Object.assign(aJob("j1"), { count: "three" }))]);
    await store.commit([newJob(Object.assign(aJob("j2"), { added: true }))]);
    await expect(store.get("job", ["j1"])).rejects.toEqual(refused("internal"));
    await expect(store.get("job", ["j2"])).rejects.toEqual(refused("internal"));
  },

  "a caller's mistakes are told from conflicts": async (store) => {
    const mistakes: Change[][] = [
      [],
      numbers(101).map((n) => newJob(aJob(`j${n}`))),
      [newJob(aJob("j1")), newJob(aJob("j1"))],
      [{ kind: "job", put: aJob("j1", { version: 3 }), expect: 1 }],
      [newJob(aJob("j1", { version: 0 }))],
      [newJob(aJob("j1", { name: "x".repeat(300_000) }))],
    ];
    for (const changes of mistakes) await expect(store.commit(changes)).rejects.toEqual(refused("internal"));
    expect(await store.get("job", ["j1"])).toEqual([undefined]);
  },
};
