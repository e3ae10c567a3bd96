// Runs attacks one after the other against a sandbox of this process, in a machine of its own as far as it can be one: see `room.ts`.
// node victim.ts '{"attacks": [NAME..], "level": LEVEL, "folder": DIR, "port": PORT, "secret": TEXT}'; prints a line of JSON each.
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { closeInherited } from "../../worker/descriptors.ts";
import { lesser } from "../../worker/sandbox/limits.ts";
import type { Level, RunEnd, Sandbox, TaskFolder } from "../../worker/sandbox/port.ts";
import { createSandbox } from "../../worker/sandbox/sandbox.ts";
import { removeTree } from "../../worker/task-folders.ts";
import { ATTACKS, type Attack, commandOf, type Scene } from "./list.ts";

type Order = { attacks: string[]; level: Level; folder: string; port: number; secret: string };
export type Verdict = { attack: string; got: string | undefined; end: string };

const GRACE_MS = 200;
const OVERSTAY_MS = 3000;

const order: Order = JSON.parse(process.argv[2] ?? "");
closeInherited();
const state = join(order.folder, "worker");
mkdirSync(state, { recursive: true });
const sandbox = await createSandbox({
  state,
  workerId: `victim-${process.pid}`,
  life: "victim",
  slots: 1,
  graceMs: GRACE_MS,
  runtimes: [],
  notice: () => undefined,
});
if (order.level === "strict" && sandbox.missing !== undefined) print({ skipped: sandbox.missing });
else for (const attack of ATTACKS) if (order.attacks.includes(attack.name)) print(await run(attack, sandbox));
await sandbox.close();

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function run(attack: Attack, { slots, taskRoot, inside }: Sandbox): Promise<Verdict> {
  const [slot] = slots;
  if (!slot) throw new Error("a sandbox has a slot");
  const scene: Scene = {
    home: join(order.folder, "home"),
    drop: join(order.folder, "drop"),
    workerPid: process.pid,
    port: order.port,
    secret: order.secret,
    marker: `marker-${process.pid}-${ATTACKS.indexOf(attack)}`,
  };
  const root = join(taskRoot, `task-${ATTACKS.indexOf(attack)}`);
  const folder: TaskFolder = { root, work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
  for (const path of Object.values(folder)) mkdirSync(path, { recursive: true });
  let printed = "";
  let bytes = 0;
  const seen = inside(order.level, folder);
  const env = {
    RENDT_ATTEMPT: "victim.1.",
    PATH: "/usr/bin:/bin",
    HOME: seen.home,
    TMPDIR: seen.tmp,
    ...attack.env?.(scene),
  };
  const end = await slot.run(
    {
      command: commandOf(attack, scene),
      env,
      folder,
      level: order.level,
      limits: lesser(attack.limits ?? {}, {}),
      timeoutMs: attack.timeoutMs ?? 20_000,
      output(_stream, chunk) {
        bytes += chunk.length;
        if (printed.length < 10_000) printed += chunk;
        return undefined;
      },
    },
    new AbortController().signal,
  );
  const got = /^WON (.*)$/m.exec(printed)?.[1] ?? (await lookAfter(attack, { scene, end, bytes }));
  for (const path of ["/tmp/rendt-attack-fill", "/dev/shm/rendt-attack-fill"]) rmSync(path, { force: true });
  await removeTree(root);
  const detail = end.reason ?? (got === undefined ? lastLine(printed) : "");
  return { attack: attack.name, got, end: [end.outcome, end.exitCode, detail].filter((part) => part !== "").join(" ") };
}

type Aftermath = { scene: Scene; end: RunEnd; bytes: number };

async function lookAfter(
  { after, timeoutMs = 0 }: Attack,
  { scene, end, bytes }: Aftermath,
): Promise<string | undefined> {
  if (after === "survivor") return killSurvivors(scene.marker) > 0 ? "survived" : undefined;
  if (after === "dropped") return readdirSync(scene.drop).length > 0 ? "acted outside" : undefined;
  const { durationMs, outcome, exitCode } = end;
  if (after === "overstayed") return durationMs > timeoutMs + GRACE_MS + OVERSTAY_MS ? `${durationMs} ms` : undefined;
  if (after === "believed") return outcome === "exited" && exitCode === 0 ? undefined : `${outcome} ${exitCode}`;
  if (after === "output") return bytes > 8 * 1024 * 1024 ? `${bytes} bytes` : undefined;
  return undefined;
}

function killSurvivors(marker: string): number {
  const found = readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && commandLine(pid).includes(marker) && Number(pid) !== process.pid,
  );
  for (const pid of found) process.kill(Number(pid), "SIGKILL");
  return found.length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
}
