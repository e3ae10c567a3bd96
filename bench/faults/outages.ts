import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import type { Hand } from "./hand.ts";
import { CLAIM, FINISH, type Stage, type SubmitOptions, UPLOAD, until } from "./stage.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The server is away from before a finish until later. */
const awayAtFinish =
  (later: (stage: Stage) => Promise<void>): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const hold = stage.gate.hold(FINISH, "asked");
    const sent = await stage.submit();
    await hold.arrived;
    await stage.killServer();
    hold.cut();
    await later(stage);
    await stage.startServer();
    stage.expect(sent);
  };

/** As docs/backup.md has it: the server stands still meanwhile. */
async function backUp({ market, folder, ...stage }: Stage): Promise<void> {
  await market.server().end("SIGTERM");
  cpSync(join(folder, "server"), join(folder, "backup"), { recursive: true, preserveTimestamps: true });
  await stage.startServer();
}

async function restore({ market, folder, ...stage }: Stage): Promise<void> {
  await market.server().end("SIGTERM");
  rmSync(join(folder, "server"), { recursive: true });
  cpSync(join(folder, "backup"), join(folder, "server"), { recursive: true, preserveTimestamps: true });
  await stage.startServer();
}

/** A backup from when the task ran; at the restore its result was not handed in yet. */
const restoreBeforeFinish =
  (job: SubmitOptions): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const sent = await stage.submit({ ...job, gated: true });
    await until(() => sent.runs() === 1);
    await backUp(stage);
    const hold = stage.gate.hold(FINISH, "asked");
    sent.open();
    await hold.arrived;
    await restore(stage);
    hold.release();
    stage.expect(sent);
  };

type Later = { at: number; runs: number; job?: SubmitOptions; meanwhile?: (worker: Hand) => void };

/** The worker dies with a result in its hands, and comes again much later, as far as its journal can tell. */
const comeAgain =
  ({ at, runs, job = {}, meanwhile }: Later): Case["run"] =>
  async (stage) => {
    const worker = await stage.worker();
    const hold = stage.gate.hold(job.plain ? FINISH : UPLOAD, "half asked");
    const sent = await stage.submit(job);
    await hold.arrived;
    await worker.kill();
    hold.cut();
    writeFileSync(join(worker.state, "journal"), worker.journal().replaceAll(/"at":\d+/g, `"at":${at}`));
    meanwhile?.(worker);
    worker.start();
    stage.expect(sent, { runs });
  };

/** Before this machine was started last. */
const beforeBoot = Math.round(Date.now() - uptime() * 1000 - MINUTE_MS);
const daysAgo = (days: number) => Math.round(Date.now() - days * DAY_MS);

/** What a power cut leaves of bytes that were never synced. */
function zero({ state }: Hand): void {
  const tasks = join(state, "tasks");
  for (const name of readdirSync(tasks).filter((each) => !each.startsWith(".")))
    writeFileSync(join(tasks, name, "work", "out", "large.bin"), Buffer.alloc(150_000));
}

export const outages: Case[] = [
  {
    name: "worker comes again after 6.9 days with a result in its journal",
    run: comeAgain({ at: daysAgo(6.9), runs: 1, job: { plain: true } }),
  },
  {
    name: "worker comes again after 7.1 days: its result is dropped, the task is run again",
    run: comeAgain({ at: daysAgo(7.1), runs: 2, job: { plain: true } }),
  },
  { name: "worker's machine started anew: its files are whole", run: comeAgain({ at: beforeBoot, runs: 1 }) },
  {
    name: "worker's machine lost power: a file of the result is not whole",
    run: comeAgain({ at: beforeBoot, runs: 2, meanwhile: zero }),
  },
  { name: "server away at finish, for a second", run: awayAtFinish(() => sleep(1000)) },
  {
    name: "server away at finish, longer than the lease",
    run: awayAtFinish(async (stage) => stage.setClock(10 * MINUTE_MS)),
  },
  {
    name: "server away at finish for longer than the lease, worker killed meanwhile",
    run: awayAtFinish(async (stage) => {
      for (const worker of stage.hands) {
        await worker.kill();
        worker.start();
      }
      stage.setClock(10 * MINUTE_MS);
    }),
  },
  { name: "backup of a running task restored before its finish", run: restoreBeforeFinish({ plain: true }) },
  { name: "backup restored between upload and finish: outputs are sent again", run: restoreBeforeFinish({}) },
  {
    name: "backup of a running task restored after its finish",
    async run(stage) {
      await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      await backUp(stage);
      sent.open();
      await until(async () => (await stage.status(sent)) === "finished");
      await restore(stage);
      // Whoever has it would have to renew: nobody does.
      await stage.pass(async () => (await stage.status(sent)) !== "executing");
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "backup from before the job: its result is let go, the worker goes on",
    async run(stage) {
      const worker = await stage.worker();
      await backUp(stage);
      const hold = stage.gate.hold(FINISH, "asked");
      await stage.submit();
      await hold.arrived;
      await restore(stage);
      hold.release();
      await until(() => worker.journal().includes('"closed":true'));
      stage.expect(await stage.submit());
    },
  },
  {
    name: "backup from before the worker: it is known again, and goes on",
    async run(stage) {
      await backUp(stage);
      await stage.worker();
      const before = await stage.submit({ plain: true });
      await stage.ended(before);
      await restore(stage);
      stage.expect(await stage.submit());
    },
  },
  {
    name: "backup from before the worker, which has a running task",
    async run(stage) {
      await backUp(stage);
      const worker = await stage.worker();
      const lost = await stage.submit({ gated: true });
      await until(() => lost.runs() === 1);
      await restore(stage);
      const claims = stage.gate.count(CLAIM);
      lost.open();
      await until(() => worker.journal().includes('"closed":true') && stage.gate.count(CLAIM) > claims);
      stage.expect(await stage.submit());
    },
  },
];
