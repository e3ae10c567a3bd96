import { spawn } from "node:child_process";
import type { JobView } from "../contract/job.ts";
import type { Call } from "./command.ts";
import { harmless } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** A notification that hangs must not hang what waits for the job. */
const MOST_MS = 30_000;

type Ended = Pick<JobView, "id" | "name" | "status" | "reason" | "result">;

/**
 * Runs the command that --notify names, here, once for each job that has ended: told of it by RENDT_JOB, RENDT_NAME, RENDT_STATUS,
 * RENDT_EXIT_CODE and RENDT_REASON. What it prints is talk; that it fails is told and changes nothing.
 */
export async function notify(
  {
    options,
    terminal,
    environment,
  }: Pick<Call, "environment"> & { options: Pick<Call["options"], "notify">; terminal: Pick<Terminal, "say"> },
  jobs: readonly Ended[],
  mostMs = MOST_MS,
): Promise<void> {
  const command = options.notify;
  if (command === undefined) return;
  for (const job of jobs) {
    const failure = await run({ command, env: { ...environment, ...told(job) }, mostMs });
    if (failure !== undefined) terminal.say(`rendt: --notify ${harmless(JSON.stringify(command))} ${failure}`);
  }
}

function told({ id, name, status, reason, result }: Ended): Record<string, string> {
  return {
    RENDT_JOB: id,
    RENDT_NAME: name ?? "",
    RENDT_STATUS: status,
    RENDT_EXIT_CODE: result === undefined ? "" : String(result.exitCode),
    RENDT_REASON: (reason ?? result?.reason ?? "").replaceAll("\0", ""),
  };
}

type Run = { command: string; env: Record<string, string | undefined>; mostMs: number };

/** What went wrong, if something did. */
function run({ command, env, mostMs }: Run): Promise<string | undefined> {
  return new Promise((resolve) => {
    // KILL, because one that is deaf to TERM would hang all the same.
    const child = spawn(command, { shell: true, env, stdio: ["ignore", 2, 2], timeout: mostMs, killSignal: "SIGKILL" });
    child.once("error", (error) => resolve(`can't be run: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (signal) resolve(`was ended by ${signal}${child.killed ? ` after ${mostMs / 1000} s` : ""}`);
      else resolve(code === 0 ? undefined : `ended with exit code ${code}`);
    });
  });
}
