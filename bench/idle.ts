// What an idle worker holds and uses, beside a Node that does nothing.
// node --import ./scripts/ts.mjs bench/idle.ts [--minutes 5]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { cpuSeconds, descendantsOf, MIB, rssBytes } from "./support/proc.ts";
import { start } from "./support/process.ts";

/** A start-up is over, and what it threw away collected, by then. */
const SETTLE_MS = 5000;
const CPU_SECONDS_A_MINUTE = 0.3 / 5;

const { values } = parseArgs({ options: { minutes: { type: "string", default: "5" } } });
const minutes = Number(values.minutes);
const report = createReport("idle");
const market = await openMarket();
const bare = start([process.execPath, "-e", "setInterval(()=>{},1e6)"]);
try {
  const worker = await market.startWorker({ slots: 2 });
  await sleep(SETTLE_MS);
  const total = (pid: number) => cpuSeconds(pid).own + cpuSeconds(pid).children;
  const before = { worker: total(worker.pid), server: total(market.server().pid) };
  await sleep(minutes * 60_000);

  const rss = (pid: number) => rssBytes(pid) / MIB;
  const peer = { "bare Node": rss(bare.pid) };
  report({ figure: "worker's memory", value: rss(worker.pid), unit: "MiB", peer });
  const over = rss(worker.pid) - rss(bare.pid);
  report({ figure: "worker's memory over bare Node", value: over, unit: "MiB", bar: { atMost: 30 } });
  const children = descendantsOf(worker.pid).reduce((sum, pid) => sum + rss(pid), 0);
  report({ figure: "memory of all below the worker", value: children, unit: "MiB" });
  const used = total(worker.pid) - before.worker;
  report({
    figure: "worker's processor time",
    value: used,
    unit: "s",
    bar: { atMost: CPU_SECONDS_A_MINUTE * minutes },
    minutes,
  });
  report({ figure: "server's processor time", value: total(market.server().pid) - before.server, unit: "s", minutes });
  report({ figure: "server's memory", value: rss(market.server().pid), unit: "MiB" });
} finally {
  await bare.end("SIGKILL");
  await market.close();
}
