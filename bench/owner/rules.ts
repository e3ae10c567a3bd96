import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readOwnerFile } from "../../worker/owner-file.ts";
import { keepHouseRules } from "../../worker/owner-rules/house.ts";
import { createSources } from "../../worker/owner-rules/sensors/machine.ts";
import { SENSOR_OF } from "../../worker/owner-rules/sources.ts";

// A program that does nothing but hold to rules, every one that this machine has a sensor for; with `bare` one that only has a timer each
// second. Folder, seconds and that word in the arguments.
const [folder = "", seconds = "60", what = "rules"] = process.argv.slice(2);

/** None of them holds, so that all are looked at as often as ever. */
const RULES: Record<keyof typeof SENSOR_OF, string> = {
  "user-idle": '"1s"',
  "on-battery": "1",
  "others-load": "64",
  "free-memory": '"1M"',
  "free-disk": '"1M"',
  "max-temperature": "110",
  "exclusive-programs": '["rendt-no-such-program"]',
  metered: "false",
  "traffic-per-day": '"1T"',
};

/** Before it is measured, first looks and start-up garbage are over. */
const SETTLE_MS = 20000;

const { names, close } = what === "bare" ? bare() : await hold();
await sleep(SETTLE_MS);
const before = { cpu: process.cpuUsage(), wakes: wakes() };
await sleep(Number(seconds) * 1000);
const { user, system } = process.cpuUsage(before.cpu);
// One of them is our own.
console.log(JSON.stringify({ names, cpuMs: (user + system) / 1000, wakes: wakes() - before.wakes - 1 }));
close();

async function hold() {
  const sources = createSources({ folder, trafficToday: () => 0 });
  const missing = new Set<string>();
  for (const [name, sensor] of Object.entries(SENSOR_OF)) if (await sources[sensor].missing()) missing.add(name);
  const rules = Object.entries(RULES).filter(([name]) => !missing.has(name));
  const path = join(folder, "worker.toml");
  const lines = rules.map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(path, `[rules]\n${lines.join("")}schedule = { daily = "00:00-24:00" }\n`);
  const none = () => undefined;
  const { close } = await keepHouseRules({
    path,
    file: await readOwnerFile(path, sources),
    sources,
    slots: 4,
    changed: none,
    paused: none,
    takes: none,
    notice: none,
  });
  return { names: [...rules.map(([name]) => name), "schedule"], close };
}

function bare() {
  const timer = setInterval(() => undefined, 1000);
  return { names: [], close: () => clearInterval(timer) };
}

/** How often the main thread went to sleep of its own accord. */
function wakes(): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1]);
}
