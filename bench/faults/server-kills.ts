import { setTimeout as sleep } from "node:timers/promises";
import { builtProgram, start } from "../support/process.ts";
import type { Case } from "./case.ts";
import { type Gate, openGate, type Place } from "./gate.ts";
import {
  CLAIM,
  COMPLETE,
  CREATE,
  DOWNLOAD,
  FINISH,
  RELEASE,
  type Sent,
  type Stage,
  type SubmitOptions,
  UPLOAD,
  until,
} from "./stage.ts";
import { IN_PARTS, passLease } from "./worker-kills.ts";

/** The server dies while a worker's request stands at a place, and comes again a moment later. */
const dieAt =
  (what: RegExp, place: Place, job: SubmitOptions = {}): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const hold = stage.gate.hold(what, place);
    const sent = await stage.submit(job);
    await hold.arrived;
    await stage.killServer();
    hold.cut();
    await stage.startServer();
    if (what === CLAIM) await passLease(stage, sent);
    stage.expect(sent);
  };

/** The server dies while a submitter's request stands at a place. */
const dieUnder =
  (what: RegExp, place: Place): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const gate = await openGate(stage.market.url);
    try {
      const hold = gate.hold(what, place);
      const sending = stage.submit({}, stage.connect(gate.url));
      await hold.arrived;
      await stage.killServer();
      hold.cut();
      await stage.startServer();
      stage.expect(await sending);
    } finally {
      gate.close();
    }
  };

/** A submitter as users have it, who can be killed. */
function submitter({ market, makeTask }: Stage, gate: Gate) {
  const made = makeTask();
  const { command, env = {}, outputs = [], inputs = [] } = made.spec;
  const [input] = inputs;
  if (typeof input !== "object") throw new Error("a task has one input");
  const words = ["submit", "-q", "--key", "once", "--crash-limit", "1000", "-i", `${input.path}=${input.as}`];
  for (const [name, value] of Object.entries(env)) words.push("--env", `${name}=${value}`);
  for (const output of outputs) words.push("-o", output);
  const launch = (url: string) =>
    start([process.execPath, builtProgram(), ...words, "--", ...command], {
      env: { RENDT_URL: url, RENDT_TOKEN: market.tokens.submitter, RENDT_HOME: `${market.folder}/submitter` },
      log: market.log,
    });
  return { made, first: () => launch(gate.url), again: () => launch(market.url) };
}

const MANY = 100;
const HOUR_MS = 3_600_000;

export const serverKills: Case[] = [
  { name: "server killed: create half sent", run: dieUnder(CREATE, "half asked") },
  { name: "server killed: created, answer on its way", run: dieUnder(CREATE, "answered") },
  { name: "server killed: an input half uploaded", run: dieUnder(UPLOAD, "half asked") },
  { name: "server killed: an input uploaded, answer on its way", run: dieUnder(UPLOAD, "answered") },
  { name: "server killed: released, answer on its way", run: dieUnder(RELEASE, "answered") },
  { name: "server killed: claimed, answer on its way", run: dieAt(CLAIM, "answered") },
  { name: "server killed: an input half downloaded", run: dieAt(DOWNLOAD, "half answered") },
  { name: "server killed: finish half sent", run: dieAt(FINISH, "half asked") },
  { name: "server killed: finish taken, answer on its way", run: dieAt(FINISH, "answered") },
  { name: "server killed: an output half uploaded", run: dieAt(UPLOAD, "half asked") },
  { name: "server killed: an output uploaded, answer on its way", run: dieAt(UPLOAD, "answered") },
  { name: "server killed: parts completed, answer on its way", run: dieAt(COMPLETE, "answered", IN_PARTS) },
  {
    name: "server killed five times while its sweep ends 100 jobs",
    async run(stage) {
      const made = Array.from({ length: MANY }, () => stage.makeTask({ plain: true }));
      const by = stage.connect();
      const specs = made.map(({ spec }) => ({ ...spec, expires: "50m" as const }));
      const ids = (await by.submitMany(specs)).map(({ id }) => id);
      stage.setClock(HOUR_MS);
      const isSwept = async () => (await stage.client.list({ status: "expired", limit: 1 })).items.length > 0;
      await until(() => isSwept().catch(() => false));
      for (let kill = 0; kill < 5; kill += 1) {
        await stage.killServer();
        await stage.startServer();
        await sleep(10 * kill);
      }
      for (const [at, { task, runs, open }] of made.entries())
        stage.expect({ id: ids[at] ?? "", task, runs, open }, { status: "expired", runs: 0 });
    },
  },
  {
    name: "server and worker killed: child running",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      await Promise.all([stage.killServer(), worker.kill()]);
      sent.open();
      worker.start();
      await stage.startServer();
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "server and worker killed: finish taken, answer on its way",
    async run(stage) {
      const worker = await stage.worker();
      const hold = stage.gate.hold(FINISH, "answered");
      const sent = await stage.submit();
      await hold.arrived;
      await Promise.all([stage.killServer(), worker.kill()]);
      hold.cut();
      worker.start();
      await stage.startServer();
      stage.expect(sent);
    },
  },
  {
    name: "submitter killed: an input half uploaded; the same --key goes on",
    async run(stage) {
      await stage.worker();
      const gate = await openGate(stage.market.url);
      try {
        const { made, first, again } = submitter(stage, gate);
        const hold = gate.hold(UPLOAD, "half asked");
        const killed = first();
        await hold.arrived;
        await killed.end("SIGKILL");
        hold.cut();
        const how = await again().ended;
        if (how !== 0) throw new Error(`the second submit ended with ${how}`);
        const { items } = await stage.client.list({ limit: 10 });
        const [job, ...others] = items;
        if (!job || others.length > 0) throw new Error(`there are ${items.length} jobs, not one`);
        const sent: Sent = { ...made, id: job.id };
        stage.expect(sent);
      } finally {
        gate.close();
      }
    },
  },
];
