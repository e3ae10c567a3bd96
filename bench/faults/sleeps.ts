import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { CLAIM, FINISH, type Sent, type Stage, until } from "./stage.ts";

/** Longer than what the worker takes for a late timer. */
const SLEEP_MS = 6500;

/** A worker that sleeps over its running task, while something happens. */
async function sleepOver(stage: Stage, meanwhile: (sent: Sent) => Promise<void>): Promise<Sent> {
  const worker = await stage.worker();
  const sent = await stage.submit({ gated: true });
  await until(() => sent.runs() === 1);
  worker.stop();
  await Promise.all([sleep(SLEEP_MS), meanwhile(sent)]);
  worker.goOn();
  return sent;
}

const isLost = (stage: Stage, sent: Sent) => stage.pass(async () => (await stage.status(sent)) === "available");

export const sleeps: Case[] = [
  {
    name: "worker sleeps, shorter than its lease",
    async run(stage) {
      const sent = await sleepOver(stage, async () => undefined);
      sent.open();
      stage.expect(sent);
    },
  },
  {
    name: "worker sleeps, longer than its lease; nobody took its task",
    async run(stage) {
      const sent = await sleepOver(stage, (mine) => isLost(stage, mine));
      await until(async () => (await stage.status(sent)) === "executing");
      sent.open();
      stage.expect(sent);
    },
  },
  {
    name: "worker sleeps, longer than its lease; another took its task",
    async run(stage) {
      const sent = await sleepOver(stage, async (mine) => {
        await isLost(stage, mine);
        await stage.worker({ name: "other", idle: false });
        await until(() => mine.runs() === 2);
      });
      await until(() => stage.log().includes("preempted"));
      sent.open();
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "worker sleeps over a result, longer than its lease",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      // Time runs so fast here that a question for work would still be open when the lease runs out.
      const claim = stage.gate.hold(CLAIM, "asked");
      const finish = stage.gate.hold(FINISH, "asked");
      sent.open();
      await Promise.all([claim.arrived, finish.arrived]);
      worker.stop();
      finish.cut();
      claim.cut();
      await Promise.all([sleep(SLEEP_MS), isLost(stage, sent)]);
      worker.goOn();
      stage.expect(sent);
    },
  },
];
