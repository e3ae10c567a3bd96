import type { Limits } from "./limits.ts";

type Inner = { command: readonly string[]; env: Readonly<Record<string, string>>; limits: Limits };

/** A word of a shell, whatever is in it. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The shell writes this when all is ready, and begins the job once it has read a line. */
export const BEGUN = "begun\n";

/**
 * What the first process of a sandbox does. It comes from a file and not in arguments, because other users of the machine could read those.
 * The shell itself has none of the job's variables (LD_PRELOAD would run before the limits are set), keeps the job's standard error aside
 * as 9 and writes its own to the worker, where its word for a signal ("Killed") tells it from an exit code.
 */
export function innerScript({ command, env, limits }: Inner): string {
  const names = Object.keys(env);
  const plain = names.filter((name) => isShellName(name));
  const odd = names.filter((name) => !isShellName(name));
  const words = command.map(quote).join(" ");
  const assign = (name: string) => `${name}=${quote(env[name] ?? "")}`;
  return [
    `exec 9>&2 2>&6 6>&-`,
    `{ ${rlimits(limits).join(" && ")}; } || exit 125`,
    `printf ${quote(BEGUN.replace("\n", "\\n"))} >&2`,
    `read -r go <&2 || exit 125`,
    // Redirected inside, because a redirection of the brackets leaves a copy of the worker's channel open in them.
    `(`,
    `exec 2>&9 9>&-`,
    `unset PWD OLDPWD`,
    ...plain.map((name) => `export ${assign(name)}`),
    odd.length > 0
      ? `exec env -- ${odd.map((name) => quote(`${name}=${env[name]}`)).join(" ")} ${words}`
      : `exec ${words}`,
    `)`,
    `exit $?`,
    ``,
  ].join("\n");
}

/** Such a shell has no builtin of these names that `exec` would find; OPTIND and friends mean something to it. */
const isShellName = (name: string): boolean =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(OPTIND|PPID|UID|EUID|BASH.*|SHELLOPTS)$/.test(name);

const blocks = (bytes: number): number => Math.ceil(bytes / 512);
const KIB = 1024;
/** Room for what a program reserves and never touches; the sum over all processes is watched more exactly. */
const RESERVE_BYTES = 2 * 1024 ** 3;

/** Per process, or for the whole namespace where the system counts so (processes, from Linux 5.14 on). */
export function rlimits({ processes, openFiles, fileBytes, memoryBytes, cpuMs }: Limits): string[] {
  const commands = ["ulimit -c 0"];
  // dash and busybox say -p, bash -u.
  if (processes !== undefined) commands.push(`{ ulimit -p ${processes} || ulimit -u ${processes}; }`);
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
