import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { asDiskError, errnoOf } from "../../files/disk-error.ts";
import { makeFolderSync } from "../../files/make-folder.ts";
import type { Call } from "../command.ts";
import { Failure } from "../failure.ts";
import type { Manager, Service, Step } from "./autostart.ts";

type Setting = Pick<Call, "environment" | "terminal"> & { manager: Manager };

/** Writes the service's file, says what is new in it, and has the manager start it. */
export function install(service: Service, { manager, environment, terminal }: Setting): void {
  const { name } = service;
  const path = manager.fileOf(name);
  const before = readText(path);
  const text = manager.format(service);
  const change = before === undefined ? "new" : before === text ? "same" : "changed";
  if (change !== "same") writeText(path, text);
  if (change === "same") terminal.say(`${path} is as it was`);
  else terminal.say(`${change === "new" ? "written" : "changed"}: ${path}`);
  if (before !== undefined) for (const line of differences(before, text)) terminal.say(`  ${line}`);
  perform(manager.install(name, change), environment, path);
  terminal.say(`${name} runs, and is started again whenever it ends; to look at it: ${manager.look(name)}`);
}

export function remove(name: string, { manager, environment, terminal }: Setting): void {
  const path = manager.fileOf(name);
  if (readText(path) === undefined) throw new Failure("not_available", `there is no service ${name}: no ${path}`);
  perform(manager.remove(name), environment, path);
  rmSync(path, { force: true });
  perform(manager.removed, environment, path);
  terminal.say(`removed: ${path}; what its worker runs goes on for a while, the rest is given back`);
}

/** Lines that went (-) and that came (+). */
function differences(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

function perform(steps: readonly Step[], environment: Call["environment"], path: string): void {
  for (const { words, mayFail } of steps) {
    const [command, ...rest] = words;
    const { status, error, stderr } = spawnSync(command, rest, { env: environment, encoding: "utf8" });
    if (status === 0 || mayFail) continue;
    const why = error ? error.message : stderr.trim() || `it ended with ${status}`;
    throw new Failure("broken_setup", `\`${words.join(" ")}\` failed: ${why}`, {
      hint: `${path} is there. Log in as this user itself, not by su or sudo, and try again; or have another service manager run what it says`,
    });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw asDiskError(error, "read", path);
  }
}

function writeText(path: string, text: string): void {
  try {
    makeFolderSync(dirname(path));
    writeFileSync(`${path}.new`, text);
    chmodSync(`${path}.new`, 0o644);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw asDiskError(error, "write", path);
  }
}
