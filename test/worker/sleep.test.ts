import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openProxy } from "./cut-proxy.ts";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { processesWith, until } from "./processes.ts";
import { forkWorker } from "./worker-child.ts";

/** Longer than what the worker takes for a late timer. */
const SLEEP_MS = 6500;
const SECOND = 1000;

/** A market whose clock the test sets ahead, by less at a time than what the server would take for an outage of its own. */
async function openAhead() {
  let ahead = 0;
  const market = await openMarketplace({ clock: () => Date.now() + ahead });
  const shared = mkdtempSync(join(market.folder, "shared-"));
  chmodSync(shared, 0o777);
  return {
    market,
    shared,
    /** Time passes on the server until something is so. */
    async pass(holds: () => Promise<boolean>): Promise<void> {
      while (!(await holds())) {
        ahead += 12 * SECOND;
        await pause(1.1 * SECOND);
      }
    },
  };
}

/** Notes each of its starts, and ends when it may. */
const gated = (shared: string) => ({
  command: [
    "sh",
    "-c",
    `mktemp ${shared}/begun-XXXXXX >/dev/null; while ! test -e ${shared}/gate; do sleep 0.02; done; echo done`,
  ],
});
const begun = (shared: string) => readdirSync(shared).filter((name) => name.startsWith("begun"));
const statusOf = async (market: Marketplace, id: string) => (await market.client.show({ id })).job.status;

describe("a worker that stood still for longer than its lease", { timeout: 90_000 }, () => {
  it("goes on with its task when nobody took it, and the task has run once", async () => {
    const { market, shared, pass } = await openAhead();
    const { child, notices } = await forkWorker(market);
    const id = await market.submit(gated(shared));
    await until(() => begun(shared).length === 1);
    child.kill("SIGSTOP");
    const slept = pause(SLEEP_MS);
    await pass(async () => (await statusOf(market, id)) === "available");
    await slept;
    child.kill("SIGCONT");
    await until(async () => (await statusOf(market, id)) === "executing");
    expect(notices).toContainEqual(expect.stringMatching(/stood still for \d+ s: leases are renewed first/));
    writeFileSync(join(shared, "gate"), "");
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    expect(begun(shared)).toHaveLength(1);
    expect(await market.results(id)).toMatchObject([{ outcome: "exited", exitCode: 0 }]);
  });

  it("ends its task and says preempted when another one has it, which alone hands it in", async () => {
    const { market, shared, pass } = await openAhead();
    const { child, notices } = await forkWorker(market);
    const { command } = gated(shared);
    const marker = `marker-${process.pid}-${Date.now()}`;
    const id = await market.submit({ command: [command[0] ?? "", command[1] ?? "", `${command[2]}; : ${marker}`] });
    await until(() => begun(shared).length === 1);
    const [first] = processesWith(marker);
    child.kill("SIGSTOP");
    const slept = pause(SLEEP_MS);
    await pass(async () => (await statusOf(market, id)) === "available");
    await market.startWorker();
    await until(() => begun(shared).length === 2);
    await slept;
    child.kill("SIGCONT");
    await until(() => notices.some((text) => text.startsWith(`${id}: preempted`)));
    await until(() => !processesWith(marker).includes(first ?? 0));
    expect(processesWith(marker).length).toBeGreaterThan(0);
    writeFileSync(join(shared, "gate"), "");
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    expect(await market.results(id)).toHaveLength(1);
  });

  it("asks for nothing before its leases are renewed", async () => {
    const { market, shared } = await openAhead();
    const proxy = await openProxy(market.url);
    const { child } = await forkWorker(market, { url: proxy.url, slots: 2 });
    await market.submit(gated(shared));
    await until(() => begun(shared).length === 1);
    // Both questions are open: for work, and for news of the lease.
    await until(() => proxy.seen.at(-1) === "/v1/leases/renew asked to listen");
    child.kill("SIGSTOP");
    await pause(SLEEP_MS);
    proxy.seen.length = 0;
    proxy.cut("/v1/leases/claim");
    proxy.delay("/v1/leases/renew", 500);
    child.kill("SIGCONT");
    await until(() => proxy.seen.includes("/v1/leases/claim asked"));
    const renewed = proxy.seen.indexOf("/v1/leases/renew asked");
    expect(renewed).toBeGreaterThanOrEqual(0);
    expect(proxy.seen.slice(renewed).indexOf("/v1/leases/renew answered")).toBeGreaterThan(0);
    expect(proxy.seen.indexOf("/v1/leases/claim asked")).toBeGreaterThan(
      proxy.seen.indexOf("/v1/leases/renew answered"),
    );
  });
});
