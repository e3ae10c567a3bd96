import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { CLAIM, FINISH, type Stage, type SubmitOptions, until } from "./stage.ts";

const MINUTE_MS = 60_000;

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

export const outages: Case[] = [
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
