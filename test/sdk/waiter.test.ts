import { describe, expect, it } from "vitest";
import type { Client } from "../../contract/client.ts";
import type { AnswerOf, RequestOf } from "../../contract/operations.ts";
import { createWaiter } from "../../sdk/waiter.ts";

type Asked = {
  ids: string[];
  signal: AbortSignal | undefined;
  answer(...ended: string[]): void;
  fail(error: unknown): void;
};
type Item = AnswerOf<"get">["items"][number];

const view = (id: string, status: "finished" | "executing"): Item => ({
  id,
  status,
  owner: "o",
  count: 1,
  tasks: { waiting: 0, available: 0, executing: 0, delivering: 0, succeeded: 0, failed: 0, dropped: 0 },
  round: 0,
  version: 1,
  command: ["true"],
  createdAt: 0,
  running: [],
});

/** A server whose every answer the test gives. */
function world() {
  const asked: Asked[] = [];
  const get = (request: RequestOf<"get">, options?: { signal?: AbortSignal | undefined }) =>
    new Promise<AnswerOf<"get">>((resolve, reject) => {
      const { signal } = options ?? {};
      signal?.addEventListener("abort", () => reject(signal.reason));
      const { ids } = request;
      const answer = (...ended: string[]) =>
        resolve({ items: ids.map((id) => view(id, ended.includes(id) ? "finished" : "executing")), retryAfterMs: 0 });
      asked.push({ ids, signal, answer, fail: reject });
    });
  const client: Pick<Client, "get"> = { get };
  return { asked, waiter: createWaiter(client) };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const names = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `j${from + n}`);

describe("waiting for jobs", () => {
  it("asks for a single one at once", async () => {
    const { asked, waiter } = world();
    const waiting = waiter.wait("j1");
    await Promise.resolve();
    expect(asked.map(({ ids }) => ids)).toEqual([["j1"]]);
    asked[0]?.answer("j1");
    expect(await waiting).toMatchObject({ id: "j1", status: "finished" });
    await turn();
    expect(asked).toHaveLength(1);
  });

  it("asks for many together, a hundred in a request, and again for those that go on", async () => {
    const { asked, waiter } = world();
    const waiting = names(250).map((id) => waiter.wait(id));
    await turn();
    expect(asked.map(({ ids }) => ids.length)).toEqual([100, 100, 50]);
    asked[2]?.answer("j200", "j249");
    expect(await waiting[200]).toMatchObject({ id: "j200" });
    await turn();
    expect(asked[3]?.ids).toHaveLength(48);
  });

  it("asks once for a job that several wait for", async () => {
    const { asked, waiter } = world();
    const both = Promise.all([waiter.wait("j1"), waiter.wait("j1")]);
    await turn();
    const third = waiter.wait("j1");
    await turn();
    expect(asked).toHaveLength(1);
    asked[0]?.answer("j1");
    expect(await both).toHaveLength(2);
    expect(await third).toMatchObject({ id: "j1" });
  });

  it("joins requests instead of opening ever more", async () => {
    const { asked, waiter } = world();
    const waiting = [];
    for (const id of names(500)) {
      waiting.push(waiter.wait(id));
      await turn();
    }
    const open = asked.filter(({ signal }) => !signal?.aborted);
    expect(open.length).toBeLessThanOrEqual(32);
    expect(open.flatMap(({ ids }) => ids).sort()).toEqual(names(500).sort());
    for (const one of open) one.answer(...one.ids);
    expect(await Promise.all(waiting)).toHaveLength(500);
  });

  it("lets one caller leave without disturbing the others, and ends the request with the last", async () => {
    const { asked, waiter } = world();
    const [first, second] = [new AbortController(), new AbortController()];
    const leaving = waiter.wait("j1", first.signal);
    const staying = waiter.wait("j1", second.signal);
    await turn();
    first.abort(new Error("enough"));
    await expect(leaving).rejects.toThrow("enough");
    expect(asked[0]?.signal?.aborted).toBe(false);
    second.abort(new Error("me too"));
    await expect(staying).rejects.toThrow("me too");
    expect(asked[0]?.signal?.aborted).toBe(true);
    await expect(waiter.wait("j1", first.signal)).rejects.toThrow("enough");
  });

  it("tells all of them when the server can't be reached, and starts afresh for the next", async () => {
    const { asked, waiter } = world();
    const waiting = [waiter.wait("j1"), waiter.wait("j2")];
    await turn();
    asked[0]?.fail(new Error("away"));
    for (const one of waiting) await expect(one).rejects.toThrow("away");
    const again = waiter.wait("j1");
    await turn();
    asked[1]?.answer("j1");
    expect(await again).toMatchObject({ id: "j1" });
  });

  it("says not_found for a job that is not there", async () => {
    const waiter = createWaiter({
      get: async ({ ids }) => ({ items: ids.map((id) => ({ id, missing: true as const })) }),
    });
    await expect(waiter.wait("j1")).rejects.toMatchObject({ code: "not_found" });
  });
});
