import { fork } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openMarketplace } from "../marketplace.ts";
import { processesWith, until } from "../processes.ts";
import { strictMissing } from "./scene.ts";

const unique = (): string => `marker-${process.pid}-${Math.random().toString(36).slice(2)}`;
/** Deaf to TERM, with a child that left session and environment. */
const family = (marker: string): string[] => [
  "sh",
  "-c",
  `trap '' TERM; setsid env -i sh -c 'sleep 500; : ${marker}' & sleep 500; : ${marker}`,
];

describe.skipIf(strictMissing !== undefined)("of a strict task", () => {
  it("nothing is left after a cancel", async () => {
    const market = await openMarketplace();
    await market.startWorker({ graceMs: 100 });
    const marker = unique();
    const id = await market.submit({ command: family(marker), sandbox: "strict" });
    await until(() => processesWith(marker).length >= 2);
    await market.client.cancel({ ids: [id] });
    await until(() => processesWith(marker).length === 0);
    expect(await market.ended(id)).toMatchObject({ status: "cancelled" });
    expect(await market.run({ command: ["true"], sandbox: "strict" })).toMatchObject({ exitCode: 0 });
  });

  it("nothing is left after kill -9 of its worker", async () => {
    const market = await openMarketplace();
    const marker = unique();
    const options = { url: market.url, token: market.tokens.worker, state: join(market.folder, "killed"), slots: 2 };
    const worker = fork(new URL("../worker-process.ts", import.meta.url).pathname, [JSON.stringify(options)], {
      execArgv: ["--import", new URL("../../../scripts/ts.mjs", import.meta.url).pathname],
    });
    onTestFinished(() => void worker.kill("SIGKILL"));
    await market.submit({ command: family(marker), sandbox: "strict" });
    await until(() => processesWith(marker).length >= 2);
    worker.kill("SIGKILL");
    await until(() => processesWith(marker).length === 0);
  });
});

describe.skipIf(strictMissing !== undefined)("of a worker that is killed while it tries out its sandbox", () => {
  it("nothing is left, at whatever moment", { timeout: 60_000 }, async () => {
    const market = await openMarketplace();
    for (let ms = 0; ms < 60; ms += 6) {
      const state = join(market.folder, `early-${ms}`);
      const options = JSON.stringify({ url: market.url, token: market.tokens.worker, state, slots: 1 });
      const worker = fork(new URL("../worker-process.ts", import.meta.url).pathname, [options], {
        execArgv: ["--import", new URL("../../../scripts/ts.mjs", import.meta.url).pathname],
      });
      onTestFinished(() => void worker.kill("SIGKILL"));
      await until(() => existsSync(join(state, "tasks", ".strict", "seccomp.bpf")));
      await new Promise((resolve) => setTimeout(resolve, ms));
      worker.kill("SIGKILL");
      const id = readFileSync(join(state, "worker-id"), "utf8").trim();
      await until(() => markedBy(id).length === 0);
      await until(() => openIn(state).length === 0);
    }
  });
});

/** Processes that carry the worker's mark. */
const markedBy = (id: string): string[] =>
  processes().filter((pid) => textOf(`/proc/${pid}/environ`).includes(`RENDT_ATTEMPT=${id}.`));

/** bubblewrap, marked or not, that holds a file of this worker open. */
const openIn = (folder: string): string[] =>
  processes().filter(
    (pid) => textOf(`/proc/${pid}/cmdline`).startsWith("bwrap") && linkOf(`/proc/${pid}/fd/1`).startsWith(folder),
  );

const processes = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
