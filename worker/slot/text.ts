import { randomUUID } from "node:crypto";
import { NICE } from "../priority.ts";
import type { SlotUser } from "../sandbox/port.ts";
import { behindOthers, lastAtDisks } from "../sandbox/tools.ts";
import { quote } from "../shell-text.ts";

/** What the two shells of a slot inherit beside 0 to 2; pipes without names, so that a job has no way to them but what it is handed. */
export const FD = { control: 3, shell: 4, out: 5, errors: 6, say: 7 } as const;
export const again = (fd: number): string => `/proc/self/fd/${fd}`;

/** How the inner shell begins what it has to say on a job's standard error. */
export const SPEAKER = again(FD.shell);

/** Busybox looks at its name for what it is to be. Others that can be given one are; dash can't, and needs none. */
const NAMED = '( exec -a /bin/sh /bin/sh -c : ) </dev/null 2>/dev/null && exec -a "$0/sh" "$0"; exec "$0"';

/**
 * The outer shell: starts the inner one, and the next when that was killed, so that the worker itself need not fork. It reads a number for
 * each from a pipe that the worker holds, and tells `P pid number` and `X number status` of it.
 */
export const OUTER = `while read -r n; do
  sh -c 'echo "P $$ $0" >&2; echo 1000 >/proc/self/oom_score_adj; exec "$@"' "$n" "$@" <&${FD.control} ${FD.control}<&-
  echo "X $n $?" >&2
done`;

/**
 * The inner shell: pid 1 of a PID namespace of its own, in a session of its own, as a user who can gain no rights. Its program can't be read,
 * so that nobody of the same user can look into it. Each link of the chain dies with the one before; a change of user forgets that, so it is said twice.
 */
export function inner(user: SlotUser | undefined): string[] {
  const become = user ? ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups"] : [];
  return [
    ...["setpriv", "--pdeathsig", "KILL", "--"],
    ...["unshare", ...(user ? [] : ["--user", "--map-current-user"])],
    // What is mounted later on the machine is to be seen here too.
    ...["--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "slave", "--"],
    ...["setpriv", ...become, "--no-new-privs", "--pdeathsig", "KILL", "--"],
    ...[...behindOthers(NICE.none), ...lastAtDisks(), "setsid", "/bin/sh", "-c", NAMED, again(FD.shell)],
  ];
}

/**
 * The first lines that the inner shell reads. `e` ends a run: it kills until nobody is left (the command in brackets reaps), and tells
 * `E number status`. `kill -1` means everybody, and so stands behind a look at whether this is the first process of a namespace.
 */
export const opening = (generation: number, path: string): string => `[ $$ = 1 ] || exit 97
exec ${FD.control}<&- ${FD.shell}<&-; set -f; ulimit -c 0; unset PATH PWD OLDPWD; PATH=${quote(path)}
e() { s=$?; while [ $$ = 1 ] && kill -KILL -1 2>/dev/null; do ( : ); done; echo "E $1 $s" >&2; }
echo "R ${generation}" >&2
`;

type Call = {
  cwd: string;
  stdin: string | undefined;
  /** What the subshell does first; if it fails, that is this machine's fault and not the job's. */
  before?: readonly string[];
  /** The last that it does: an `exec`. */
  body: string;
  /** Its descriptors beside the first three; what it was handed must be closed. */
  more?: string;
  /** The lines that `more` reads. */
  lines?: string;
};

/**
 * One run: a subshell whose streams are opened anew, so that what a job does to them does not outlive it. What goes wrong before the last
 * word is said by the slot's shell on its own standard error, where no job can write.
 */
export function runText(number: number, call: Call): string {
  const { cwd, stdin, before = [], body, more = `${FD.out}<&-`, lines = "" } = call;
  const [aside, first] =
    before.length > 0 ? ["9>&2", `{ ${before.join(" && ")}; } 2>&9 || exit 125; exec 9>&-; `] : ["", ""];
  const streams = `<${stdin === undefined ? "/dev/null" : quote(stdin)} >${again(FD.out)} ${aside} 2>${again(FD.errors)}`;
  const rest = `${more} ${FD.errors}<&- ${FD.say}<&-`;
  return `cd -- ${quote(cwd)} && ( ${first}${body} ) ${streams} ${rest}; e ${number}\n${lines}`;
}

/** Lines that a shell reads as they are. They may hold anything but the word that ends them, which therefore nobody can guess. */
export function hereDocument(fd: number, text: string): { redirection: string; lines: string } {
  const end = `end-${randomUUID()}`;
  return { redirection: `${fd}<<'${end}'`, lines: `${text}${end}\n` };
}
