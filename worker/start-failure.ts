import { closeSync, constants, lstatSync, openSync, readSync, type Stats } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { messageOf } from "../contract/errors.ts";
import { errnoOf } from "../files/disk-error.ts";
import type { Run, RunEnd } from "./sandbox/port.ts";
import { placeOf } from "./sandbox/sight.ts";

type Failure = Omit<RunEnd, "durationMs">;

const MOST_SHOWN = 300;

/** Why a command could not be started, in the words and exit codes of a shell; or that it is this machine's fault. */
export function explainStartFailure(run: Run, error: unknown): Failure {
  const code = errnoOf(error);
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
  const otherwise = `${shown} can't be executed on this machine (${code})`;
  if (found === undefined)
    return code === "EACCES"
      ? notStarted(126, otherwise)
      : notStarted(127, `no such command: ${shown}; ${whereToLook(file, run)}`);
  if (found.stats.isDirectory())
    return notStarted(126, `${shown} is a folder: name the program in it, or the one that reads it`);
  if (found.stats.isSymbolicLink()) return notStarted(126, `${shown} is a link to what can't be executed here`);
  if (!found.stats.isFile()) return notStarted(126, `${shown} is no file`);
  const interpreter = interpreterOf(found.path);
  if ((found.stats.mode & 0o111) === 0) {
    // A first line that names the interpreter is of use only to an executable file.
    const first = interpreter === undefined ? "if it is a script, add a shebang (#!/bin/sh) as its first line; " : "";
    const how = `${first}chmod +x it before sending it, or name the program that reads it (-- sh FILE)`;
    return notStarted(126, `${shown} is not executable: ${how}`);
  }
  return notStarted(126, interpreter === undefined ? otherwise : `${shown} ${badInterpreter(interpreter)}`);
}

function whereToLook(file: string, run: Run): string {
  const { level } = run;
  if (!file.includes("/")) {
    if (find(`./${file}`, run)) return "a file of that name is in the working folder: put ./ before it";
    if (/\s/.test(file)) return "it is one word: leave the quotes out, or have a shell read it (-- sh -c 'COMMAND')";
    return "it is in no folder of PATH";
  }
  if (level === "strict" && file.startsWith("/"))
    return "a strict task sees its own folders, /usr, and what the owner of the worker lends";
  return "is it among the job's inputs?";
}

/** The kernel takes the end of a Windows line for a part of the interpreter's name, which nobody sees. */
function badInterpreter(interpreter: string): string {
  if (interpreter.endsWith("\r"))
    return `has the line ends of Windows, which make its interpreter ${JSON.stringify(interpreter)}: take them out (sed -i 's/\\r$//' FILE)`;
  const name = basename(interpreter);
  return `asks for the interpreter ${JSON.stringify(interpreter)}, which can't be started here: change its first line (#!/usr/bin/env ${name} looks along PATH), or ask for a worker that has it (--tag ${name})`;
}

/** The same of a command that a shell could not `exec` for us; undefined when the exit code is the command's own. */
export function explainShellFailure(run: Run, code: number | null, errors: string): Failure | undefined {
  // dash: "sh: 1: exec: nothing: not found"; bash: "sh: line 1: nothing: No such file or directory"; env and taskset likewise.
  return /^(\S*sh|env|taskset): .*\n$/.test(errors) ? explainExec(run, code, errors) : undefined;
}

/** The same where these words are known to be a shell's that was to `exec` the command. */
export function explainExec(run: Run, code: number | null, words: string): Failure | undefined {
  if (code !== 126 && code !== 127) return undefined;
  const why = /: Argument list too long\n/.test(words) && code === 126 ? "E2BIG" : code === 127 ? "ENOENT" : "EACCES";
  return explainStartFailure(run, Object.assign(new Error(words), { code: why }));
}

const notStarted = (exitCode: number, reason: string): Failure => ({ outcome: "not_started", exitCode, reason });

function find(file: string, run: Run): { path: string; stats: Stats } | undefined {
  const names = file.includes("/")
    ? [file]
    : (run.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, file));
  for (const name of names) {
    const path = placeOf(run, name);
    const stats = path === undefined ? undefined : statOf(path);
    if (path !== undefined && stats) return { path, stats };
  }
  return undefined;
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Below a file, or a name too long: no command either.
    return undefined;
  }
}

/** The first word of a file's first line, with all that the kernel takes for a part of it. */
function interpreterOf(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const start = Buffer.alloc(256);
    const length = readSync(fd, start, 0, start.length, 0);
    closeSync(fd);
    const line = start.toString("utf8", 0, length).split("\n", 1)[0] ?? "";
    return line.startsWith("#!") ? line.slice(2).trimStart().split(/[ \t]/, 1)[0] : undefined;
  } catch {
    return undefined;
  }
}
