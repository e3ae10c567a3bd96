import { replaceShell } from "../shell-text.ts";
import { INNER_FD } from "./bubblewrap.ts";
import type { Limits } from "./limits.ts";

type Inner = { command: readonly string[]; env: Readonly<Record<string, string>>; limits: Limits };

/** The shell writes this when all is ready, right before the job begins. */
export const BEGUN = "begun\n";

/**
 * What the first process of a sandbox does. It comes from a file and not in arguments, because other users of the machine could read those.
 * The shell itself has none of the job's variables (LD_PRELOAD would run before the limits are set), keeps the job's standard error aside
 * as 9 and writes its own to the worker, where its word for a signal ("Killed") tells it from an exit code.
 */
export function innerScript({ command, env, limits }: Inner): string {
  return [
    `exec 9>&2 2>&${INNER_FD.shell} ${INNER_FD.shell}>&-`,
    `{ ${rlimits(limits).join(" && ")}; } || exit 125`,
    // The first to go when memory runs out.
    "echo 1000 >/proc/self/oom_score_adj",
    `echo ${BEGUN.trim()} >&2`,
    // Redirected inside, because a redirection of the brackets leaves a copy of the worker's channel open in them.
    `( exec 2>&9 9>&-; ${replaceShell({ command, env })} )`,
    "exit $?",
    "",
  ].join("\n");
}

const blocks = (bytes: number): number => Math.ceil(bytes / 512);
const KIB = 1024;
/** Room for what a program reserves and never touches; the sum over all processes is watched more exactly. */
const RESERVE_BYTES = 2 * 1024 ** 3;

/** Per process, or for the whole namespace where the system counts so (processes, from Linux 5.14 on). */
export function rlimits({ processes, openFiles, fileBytes, memoryBytes, cpuMs }: Limits): string[] {
  const commands = ["ulimit -c 0"];
  // bash and busybox say -u, dash -p, which in bash is something else.
  if (processes !== undefined) commands.push(`{ ulimit -u ${processes} 2>/dev/null || ulimit -p ${processes}; }`);
  if (openFiles !== undefined) commands.push(`ulimit -n ${openFiles}`);
  if (fileBytes !== undefined) commands.push(`ulimit -f ${blocks(fileBytes)}`);
  if (memoryBytes !== undefined)
    commands.push(`ulimit -d ${Math.ceil(Math.max(2 * memoryBytes, memoryBytes + RESERVE_BYTES) / KIB)}`);
  if (cpuMs !== undefined) {
    const seconds = Math.ceil(cpuMs / 1000);
    commands.push(`ulimit -S -t ${seconds} && ulimit -H -t ${seconds + 1}`);
  }
  return commands;
}
