import { describe, expect, it } from "vitest";
import { createClient, type Transport, UnreachableError } from "../../contract/client.ts";
import { AnsweredError, RendtError } from "../../contract/errors.ts";
import { createRetryingClient, DEFAULT_POLICY, isWorthRetry, sleep, withRetry } from "../../contract/retry.ts";

const answered = (code: string, status: number, retryAfterMs?: number) =>
  new AnsweredError({ code, message: "m", hint: "h", status, retryAfterMs });
const unreachable = (sent: boolean, retryable = true) =>
  new UnreachableError("m", { url: "http://x", sent, retryable });

function policy(more: object = {}) {
  const waits: number[] = [];
  const pause = async (ms: number) => void waits.push(ms);
  return {
    waits,
    ...DEFAULT_POLICY,
    tries: 5,
    baseMs: 100,
    capMs: 300,
    random: () => 0.5,
    sleep: pause,
    repeatable: true,
    ...more,
  };
}

describe("what is worth a retry", () => {
  it.each([
    ["a refusal that may pass", answered("conflict", 409), true, true],
    ["a refusal for good", answered("not_found", 404), false, false],
    ["a server that is busy", answered("unavailable", 503), true, false],
    ["an unknown error of a newer server", answered("brand_new", 500), true, false],
    ["a lost answer", unreachable(true), true, false],
    ["a refused connection", unreachable(false), true, true],
    ["a stranger at this address", unreachable(true, false), false, false],
    ["a refusal of our own", new RendtError("conflict", "m"), false, false],
    ["a mistake in the program", new TypeError("m"), false, false],
  ])("%s", (_, error, repeatable, unrepeatable) => {
    expect(isWorthRetry(error, { repeatable: true })).toBe(repeatable);
    expect(isWorthRetry(error, { repeatable: false })).toBe(unrepeatable);
  });
});

describe("withRetry", () => {
  it("doubles its waits up to the cap, drawn by full jitter", async () => {
    const used = policy();
    await expect(withRetry(() => Promise.reject(answered("conflict", 409)), used)).rejects.toMatchObject({
      code: "conflict",
    });
    expect(used.waits).toEqual([50, 100, 150, 150]);
  });

  it("answers the first success", async () => {
    const used = policy();
    const run = async (attempt: number) => (attempt < 3 ? Promise.reject(unreachable(true)) : "done");
    expect(await withRetry(run, used)).toBe("done");
    expect(used.waits).toHaveLength(2);
  });

  it("waits as long as Retry-After says, but not longer than the caller bears", async () => {
    const used = policy({ tries: 2 });
    await expect(withRetry(() => Promise.reject(answered("rate_limited", 429, 7000)), used)).rejects.toThrow();
    expect(used.waits).toEqual([7050]);
    const hasty = policy({ maxRetryAfterMs: 5000 });
    await expect(withRetry(() => Promise.reject(answered("rate_limited", 429, 7000)), hasty)).rejects.toThrow();
    expect(hasty.waits).toEqual([]);
  });

  it("ends at once when aborted, also in the middle of a wait", async () => {
    const stop = new AbortController();
    const onRetry = () => queueMicrotask(() => stop.abort(new Error("enough")));
    const used = policy({ sleep, baseMs: 3_600_000, capMs: 3_600_000, onRetry, signal: stop.signal });
    await expect(withRetry(() => Promise.reject(unreachable(true)), used)).rejects.toThrow("enough");
  });
});

it("a retrying client repeats only what does no harm", async () => {
  let calls = 0;
  const transport: Transport = async () => {
    calls += 1;
    throw unreachable(true);
  };
  const client = createRetryingClient(createClient({ url: "http://x", transport }), policy());
  await expect(client.claim({ worker: "w0123456789ab", leases: 1 })).rejects.toThrow();
  expect(calls).toBe(1);
  await expect(client.get({ ids: ["j"] })).rejects.toThrow();
  expect(calls).toBe(6);
});
