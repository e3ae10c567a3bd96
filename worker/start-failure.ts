import { closeSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { messageOf } from "../contract/errors.ts";
import type { Run, RunEnd } from "./sandbox/port.ts";

type Failure = Omit<RunEnd, "durationMs">;

const MOST_SHOWN = 300;

/** Why a command could not be started, in the words and exit codes of a shell; or that it is this machine's fault. */
export function explainStartFailure(run: Run, error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const file = run.command[0] ?? "";
  const shown = JSON.stringify(file.length > MOST_SHOWN ? `${file.slice(0, MOST_SHOWN)}…` : file);
  if (code === "E2BIG")
    return notStarted(126, "the arguments and the environment together are longer than the system allows");
  if (
    code !== "ENOENT" &&
    code !== "EACCES" &&
    code !== "ENOTDIR" &&
    code !== "ELOOP" &&
    code !== "ENOEXEC" &&
    code !== "ENAMETOOLONG"
  ) {
    const detail = messageOf(error);
    return { outcome: "unable", exitCode: 125, reason: `this worker can't start a process: ${detail}` };
  }
  const found = find(file, run);
  if (found === undefined) {
    const where = file.includes("/") ? "is it among the job's inputs?" : "it is in no folder of PATH";
    return notStarted(127, `no such command: ${shown}; ${where}`);
  }
  if (found.stats.isDirectory()) return notStarted(126, `${shown} is a folder`);
  const interpreter = interpreterOf(found.path);
  if ((found.stats.mode & 0o111) === 0) {
    // A first line that names the interpreter is of use only to an executable file.
    const first = interpreter === undefined ? "if it is a script, add a shebang (#!/bin/sh) as its first line; " : "";
    const how = `${first}chmod +x it before sending it, or name the program that reads it (-- sh FILE)`;
    return notStarted(126, `${shown} is not executable: ${how}`);
  }
  if (interpreter !== undefined)
    return notStarted(
      126,
      `${shown} asks for the interpreter ${JSON.stringify(interpreter)}, which can't be started here`,
    );
  return notStarted(126, `${shown} can't be executed on this machine (${code})`);
}

/** The same of a command that a shell could not `exec` for us; undefined when the exit code is the command's own. */
export function explainShellFailure(run: Run, code: number | null, errors: string): Failure | undefined {
  // dash: "sh: 1: exec: nothing: not found"; bash: "sh: line 1: nothing: No such file or directory"; env and taskset likewise.
  return /^(\S*sh|\/\.job|env|taskset): .*\n$/.test(errors) ? explainExec(run, code, errors) : undefined;
}

/** The same where these words are known to be a shell's that was to `exec` the command. */
export function explainExec(run: Run, code: number | null, words: string): Failure | undefined {
  if (code !== 126 && code !== 127) return undefined;
  const why = /: Argument list too long\n/.test(words) && code === 126 ? "E2BIG" : code === 127 ? "ENOENT" : "EACCES";
  return explainStartFailure(run, Object.assign(new Error(words), { code: why }));
}

const notStarted = (exitCode: number, reason: string): Failure => ({ outcome: "not_started", exitCode, reason });

function find(file: string, run: Run): { path: string; stats: Stats } | undefined {
  const places = file.includes("/")
    ? [isAbsolute(file) ? file : join(run.folder.work, file)]
    : (run.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, file));
  for (const path of places) {
    const stats = statOf(path);
    if (stats) return { path, stats };
  }
  return undefined;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // Below a file, a loop of links, or a name too long: no command either.
    return undefined;
  }
}

function interpreterOf(path: string): string | undefined {
  try {
    const fd = openSync(path, "r");
    const start = Buffer.alloc(256);
    const length = readSync(fd, start, 0, start.length, 0);
    closeSync(fd);
    const line = start.toString("utf8", 0, length).split("\n", 1)[0] ?? "";
    return line.startsWith("#!") ? line.slice(2).trim().split(/\s/, 1)[0] : undefined;
  } catch {
    return undefined;
  }
}
