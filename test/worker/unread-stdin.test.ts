import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { MIB, peakRssBytes } from "../../bench/support/proc.ts";
import { connect } from "../../sdk/index.ts";
import { openMarketplace } from "./marketplace.ts";
import { strictMissing } from "./sandbox/scene.ts";
import { forkWorker } from "./worker-child.ts";

const SIZE = 160 * MIB;
const levels = ["none", ...(strictMissing === undefined ? ["strict" as const] : [])] as const;

it.runIf(process.platform === "linux").each(levels)(
  "a standard input that is hardly read, or not at all, holds up nobody and is in nobody's memory, at level %s",
  { timeout: 120_000 },
  async (sandbox) => {
    const market = await openMarketplace();
    const { child } = await forkWorker(market);
    if (child.pid === undefined) throw new Error("a worker that runs has a pid");
    const client = connect({ url: market.url, token: market.tokens.submitter, cwd: market.folder });
    onTestFinished(() => client.close());
    const large = openSync(join(market.folder, "large"), "w");
    ftruncateSync(large, SIZE);
    closeSync(large);
    const run = async (command: string[]) => {
      const job = await client.submit({ command, stdin: "large", sandbox });
      const { status, exitCode } = await job.wait();
      return { status, exitCode };
    };

    // What a worker takes anyway is more where its TypeScript is turned into JavaScript as it starts.
    const before = peakRssBytes(child.pid);
    expect(await run(["sh", "-c", "exit 7"])).toEqual({ status: "failed", exitCode: 7 });
    expect(await run(["sh", "-c", "head -c 3 >/dev/null; sleep 0.5; exit 9"])).toEqual({
      status: "failed",
      exitCode: 9,
    });
    expect(peakRssBytes(child.pid) - before).toBeLessThan(SIZE * 0.75);
  },
);
