// Stands for a worker with busy slots, until it is killed: node victim.ts '{"state": DIR, "slots": N, "level": LEVEL, "marker": TEXT}'
import type { Level } from "../../worker/sandbox/port.ts";
import { createSandbox } from "../../worker/sandbox/sandbox.ts";
import { family, makeFolder, runOf } from "./task.ts";

export type Order = { state: string; slots: number; level: Level; marker: string };

const { state, slots, level, marker }: Order = JSON.parse(process.argv[2] ?? "");
const setting = { state, workerId: marker, life: marker, slots, graceMs: 200, runtimes: [], notice: console.error };
process.send?.("starting");
const sandbox = await createSandbox(setting);
process.send?.("running");
const { signal } = new AbortController();
for (const slot of sandbox.slots) {
  const tag = `${marker}.${slot.number}.`;
  void slot.run(runOf({ command: family(marker), folder: makeFolder(sandbox, slot), level, tag }), signal);
}
