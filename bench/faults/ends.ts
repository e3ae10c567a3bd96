import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { processesNaming } from "../support/proc.ts";
import type { Case } from "./case.ts";
import type { Place } from "./gate.ts";
import { DOWNLOAD, FINISH, UPLOAD, until } from "./stage.ts";

/** A job is cancelled while a request of its worker stands at a place. */
const cancelAt =
  (what: RegExp, place: Place, end: { status: "cancelled" | "finished"; runs: number }): Case["run"] =>
  async (stage) => {
    await stage.worker();
    const hold = stage.gate.hold(what, place);
    const sent = await stage.submit();
    await hold.arrived;
    await stage.client.cancel({ ids: [sent.id] });
    hold.release();
    stage.expect(sent, end);
  };

/** As somebody does who clones a machine or restores a backup beside it. */
const copy = (from: string, to: string) => void execFileSync("cp", ["-a", from, to]);

const CRASHES = 3;

export const ends: Case[] = [
  {
    name: "poison: a task that kills its worker each time",
    async run(stage) {
      const worker = await stage.worker();
      const neighbour = await stage.submit({ gated: true, spec: { crashLimit: CRASHES } });
      const sent = neighbour;
      for (let crash = 1; crash <= CRASHES; crash += 1) {
        await until(() => sent.runs() === crash);
        await worker.kill();
        worker.start();
      }
      stage.expect(sent, { status: "failed", runs: CRASHES, reason: /\S/ });
      stage.expect(await stage.submit());
    },
  },
  { name: "cancelled: inputs asked for", run: cancelAt(DOWNLOAD, "asked", { status: "cancelled", runs: 0 }) },
  {
    name: "cancelled: child running",
    async run(stage) {
      await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      await stage.client.cancel({ ids: [sent.id] });
      await until(() => processesNaming(`RENDT_JOB=${sent.id}`).length === 0);
      stage.expect(sent, { status: "cancelled" });
    },
  },
  { name: "cancelled: output half uploaded", run: cancelAt(UPLOAD, "half asked", { status: "cancelled", runs: 1 }) },
  { name: "cancelled: finish not sent", run: cancelAt(FINISH, "asked", { status: "cancelled", runs: 1 }) },
  {
    name: "cancelled: finish taken, answer on its way; success stays",
    run: cancelAt(FINISH, "answered", { status: "finished", runs: 1 }),
  },
  {
    name: "cancelled while its worker is dead",
    async run(stage) {
      const worker = await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      await worker.kill();
      await stage.client.cancel({ ids: [sent.id] });
      worker.start();
      stage.expect(sent, { status: "cancelled" });
    },
  },
  {
    name: "cancelled and retried before an old result comes: it is lost, the new one counts",
    async run(stage) {
      await stage.worker();
      const hold = stage.gate.hold(FINISH, "asked");
      const sent = await stage.submit();
      await hold.arrived;
      await stage.client.cancel({ ids: [sent.id] });
      await stage.client.retry({ ids: [sent.id] });
      hold.release();
      stage.expect(sent, { runs: 2 });
    },
  },
  {
    name: "a copied state folder: both offer the same result, one after the other",
    async run(stage) {
      const worker = await stage.worker();
      const hold = stage.gate.hold(FINISH, "asked");
      const sent = await stage.submit({ plain: true });
      await hold.arrived;
      await worker.kill();
      hold.cut();
      copy(worker.home, join(stage.folder, "twin"));
      const twin = await stage.worker({ name: "twin" });
      await stage.ended(sent);
      await twin.drain();
      worker.start();
      stage.expect(sent);
    },
  },
  {
    name: "a copied state folder: the copy can't start while its worker runs a task",
    async run(stage) {
      const worker = await stage.worker();
      await worker.kill();
      copy(worker.home, join(stage.folder, "twin"));
      worker.start();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      const twin = await stage.worker({ name: "twin", idle: false });
      await twin.ended();
      if (!stage.log().includes("runs on this machine already")) throw new Error("the copy does not say why it ends");
      await twin.kill();
      sent.open();
      stage.expect(sent);
    },
  },
];
