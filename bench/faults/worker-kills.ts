import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesNaming } from "../support/proc.ts";
import type { Case } from "./case.ts";
import type { Place } from "./gate.ts";
import { CLAIM, COMPLETE, DOWNLOAD, FINISH, type Stage, type SubmitOptions, UPLOAD, until } from "./stage.ts";

const MIB = 1024 * 1024;
/** Sent in parts (contract/limits.ts). */
export const IN_PARTS = { largeBytes: 101 * MIB };

/** The worker dies while a request stands at a place, and comes again. */
async function dieAt(stage: Stage, what: RegExp, place: Place, job: SubmitOptions = {}) {
  const worker = await stage.worker();
  const hold = stage.gate.hold(what, place);
  const sent = await stage.submit(job);
  await hold.arrived;
  await worker.kill();
  hold.cut();
  worker.start();
  return sent;
}

const onceWhen =
  (what: RegExp, place: Place, job: SubmitOptions = {}): Case["run"] =>
  async (stage) =>
    stage.expect(await dieAt(stage, what, place, job));

/** Time passes until a lease that nobody holds has run out. */
export async function passLease(stage: Stage, sent: { id: string }): Promise<void> {
  const state = async () => (await stage.client.show({ id: sent.id })).job.status;
  await stage.pass(async () => (await state()) !== "executing");
}

const eitherWay = { runs: { least: 1, most: 2 } };

export const workerKills: Case[] = [
  {
    name: "worker killed while it waits for work",
    async run(stage) {
      const worker = await stage.worker();
      await worker.kill();
      const sent = await stage.submit();
      worker.start();
      // The server may have answered somebody who was gone.
      await sleep(500);
      if ((await stage.status(sent)) === "executing" && sent.runs() === 0) await passLease(stage, sent);
      stage.expect(sent);
    },
  },
  {
    name: "worker killed: claimed, answer on its way",
    async run(stage) {
      const sent = await dieAt(stage, CLAIM, "answered");
      await passLease(stage, sent);
      stage.expect(sent);
    },
  },
  { name: "worker killed: claimed recorded, inputs asked for", run: onceWhen(DOWNLOAD, "asked", { largeBytes: 1000 }) },
  { name: "worker killed: inputs half here", run: onceWhen(DOWNLOAD, "half answered") },
  {
    name: "worker killed: spawned recorded",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit();
      await until(() => worker.journal().includes('"is":"spawned"'));
      await worker.kill();
      worker.start();
      stage.expect(sent, eitherWay);
    },
  },
  {
    name: "worker killed: child running; no second copy beside it",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      await worker.kill();
      worker.start();
      await until(() => sent.runs() === 2);
      const copies = processesNaming(`RENDT_JOB=${sent.id}`).length;
      if (copies === 0) throw new Error("the second run is not there");
      // A shell, and its sleep.
      if (copies > 2) throw new Error(`${copies} processes of one task`);
      sent.open();
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "worker killed: child ended, result not recorded",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      worker.stop();
      sent.open();
      await until(() => processesNaming(`RENDT_JOB=${sent.id}`).length === 0);
      await worker.kill();
      worker.start();
      stage.expect(sent, { runs: 2 });
    },
  },
  { name: "worker killed: result recorded, finish not sent", run: onceWhen(FINISH, "asked", { plain: true }) },
  { name: "worker killed: finish taken, answer on its way", run: onceWhen(FINISH, "answered", { plain: true }) },
  {
    name: "worker killed: answered, not yet read",
    async run(stage) {
      const worker = await stage.worker();
      const hold = stage.gate.hold(FINISH, "asked");
      const sent = await stage.submit();
      await hold.arrived;
      worker.stop();
      hold.release();
      await until(async () => (await stage.status(sent)) === "finished");
      await worker.kill();
      worker.start();
      stage.expect(sent);
    },
  },
  {
    name: "worker killed: journalled as delivered",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit();
      await until(() => worker.journal().includes('"is":"delivered"'));
      await worker.kill();
      worker.start();
      stage.expect(sent);
    },
  },
  { name: "worker killed: upload asked for", run: onceWhen(UPLOAD, "asked") },
  { name: "worker killed: upload half sent", run: onceWhen(UPLOAD, "half asked") },
  { name: "worker killed: upload taken, answer on its way", run: onceWhen(UPLOAD, "answered") },
  { name: "worker killed: between upload and finish", run: onceWhen(FINISH, "asked") },
  {
    name: "worker killed: a log of 3 MB half sent",
    run: onceWhen(UPLOAD, "half asked", {
      plain: true,
      spec: { command: ["/bin/sh", "-c", 'echo began >> "$TALLY"; head -c 3000000 /dev/urandom'] },
    }),
  },
  { name: "worker killed: parts sent, not completed", run: onceWhen(COMPLETE, "asked", IN_PARTS) },
  {
    name: "worker killed in the middle of an array",
    async run(stage) {
      const worker = await stage.worker();
      const made = stage.makeTask({ gated: true, plain: true });
      const [shell = "", option = "", script = ""] = made.spec.command;
      // Only the fourth task waits.
      const command = [shell, option, `[ $RENDT_TASK = 3 ] || GATE=; ${script}`];
      const { id } = await stage.connect().submit({ ...made.spec, command, count: 8 });
      await until(() => made.runs() === 4);
      await worker.kill();
      made.open();
      worker.start();
      stage.expect({ ...made, id }, { runs: 9, tasks: 8 });
    },
  },
  {
    name: "worker killed: its task left a closed folder and 3,000 levels, which the next start removes",
    async run(stage) {
      const worker = await stage.worker();
      const script = [
        'echo began >> "$TALLY"; mkdir closed; echo x > closed/x; chmod 0 closed; top=$PWD',
        "dive() { i=0; while [ $i -lt 1500 ]; do mkdir d; cd d; i=$((i+1)); done; }",
        'mkdir one two; cd one; dive; cd "$top/two"; dive; mv "$top/one" .; touch "$top/deep"',
        'until test -e "$GATE"; do sleep 0.02; done',
      ].join("; ");
      const sent = await stage.submit({ plain: true, gated: true, spec: { command: ["/bin/sh", "-c", script] } });
      await until(() => sent.runs() === 1);
      const tasks = join(worker.state, "tasks");
      await until(() => readdirSync(tasks).some((name) => existsSync(join(tasks, name, "work", "deep"))));
      await worker.kill();
      sent.open();
      worker.start();
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "worker killed three times while it recovers",
    async run(stage) {
      const worker = await stage.worker();
      const hold = stage.gate.hold(FINISH, "asked");
      const sent = await stage.submit();
      await hold.arrived;
      await worker.kill();
      for (const place of ["asked", "answered"] as const) {
        const again = stage.gate.hold(FINISH, place);
        worker.start();
        await again.arrived;
        await worker.kill();
      }
      worker.start();
      stage.expect(sent);
    },
  },
];
