import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { clockEnv, until } from "./stage.ts";

const HOUR_MS = 3_600_000;
/** Longer than a few of the server's sweeps, and than the worker's ticks. */
const LATER_MS = 3500;

/** The worker's clock is wrong from its start by `before`, and from when its task runs by `after`. */
const workerClock =
  (before: number, after: number): Case["run"] =>
  async (stage) => {
    const file = join(stage.folder, "worker-clock");
    writeFileSync(file, String(before));
    await stage.worker({ env: clockEnv(file) });
    const sent = await stage.submit({ gated: true });
    await until(() => sent.runs() === 1);
    writeFileSync(file, String(after));
    await sleep(LATER_MS);
    sent.open();
    stage.expect(sent);
  };

/** The server's clock goes wrong while a task runs. */
const serverClock =
  (ms: number): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const sent = await stage.submit({ gated: true });
    await until(() => sent.runs() === 1);
    stage.setClock(ms);
    await sleep(LATER_MS);
    sent.open();
    stage.expect(sent);
  };

export const clocks: Case[] = [
  { name: "worker's clock an hour ahead", run: workerClock(HOUR_MS, HOUR_MS) },
  { name: "worker's clock an hour behind", run: workerClock(-HOUR_MS, -HOUR_MS) },
  { name: "worker's clock set ahead by an hour while its task runs", run: workerClock(1, HOUR_MS) },
  { name: "worker's clock set back by an hour while its task runs", run: workerClock(1, -HOUR_MS) },
  { name: "server's clock set ahead by an hour while a task runs", run: serverClock(HOUR_MS) },
  { name: "server's clock set back by an hour while a task runs", run: serverClock(-HOUR_MS) },
];
