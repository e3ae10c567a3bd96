import { type ChildProcess, spawn } from "node:child_process";
import { hasProc } from "./leftovers.ts";

/**
 * Sits at the other end of a pipe: when the worker is gone, however it died, the pipe ends and everything that carries its tag is
 * killed. Groups are told too, for children that emptied their environment and for systems without /proc.
 */
export type Watchdog = {
  began(group: number): void;
  ended(group: number): void;
  /** Ends it by closing the pipe, so that its sweep is the last word. */
  close(): Promise<void>;
};

const RESTART_MS = 100;
/** A child that emptied its environment within its first tenth of a second is the one that the tag can't find. */
const TELL_MS = 100;

const SCRIPT = `
trap '' HUP INT QUIT TERM PIPE
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
left=200
while [ "$left" -gt 0 ]; do
  left=$((left - 1))
  found=$(grep -lsaF "$1" /proc/[0-9]*/environ 2>/dev/null)
  [ -z "$found" ] && exit 0
  for file in $found; do
    pid=\${file#/proc/}
    kill -KILL "\${pid%/environ}" 2>/dev/null
  done
done
exit 1
`;

/** Starts the one watchdog of a worker's life; a dead one is replaced. */
export function startWatchdog(tag: string, onProblem: (problem: string) => void): Watchdog {
  const groups = new Set<number>();
  let closing = false;
  let dog = launch();

  function launch(): ChildProcess {
    const child = spawn("/bin/sh", ["-c", SCRIPT, "rendt-watchdog", tag], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      detached: true,
    });
    child.stdin?.on("error", () => undefined);
    child.once("error", (error) => onProblem(`can't start the watchdog: ${error.message}`));
    child.once("exit", () => {
      if (closing) return;
      onProblem("the watchdog was killed; it is started again");
      setTimeout(() => {
        if (closing) return;
        dog = launch();
        for (const group of groups) tell("+", group);
      }, RESTART_MS).unref();
    });
    child.unref();
    return child;
  }

  function tell(sign: "+" | "-", group: number): void {
    dog.stdin?.write(`${sign} ${group}\n`);
  }

  const tellMs = hasProc() ? TELL_MS : 0;
  const untold = new Set<number>();
  let timer: NodeJS.Timeout | undefined;

  /** Short tasks are over before it is their turn: waking the watchdog twice costs as much as a tenth of a spawn. */
  function tellAll(): void {
    timer = undefined;
    for (const group of untold) tell("+", group);
    untold.clear();
  }

  return {
    began(group) {
      groups.add(group);
      untold.add(group);
      if (tellMs === 0) tellAll();
      else timer ??= setTimeout(tellAll, tellMs);
    },
    ended(group) {
      groups.delete(group);
      if (!untold.delete(group)) tell("-", group);
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      if (dog.exitCode !== null || dog.signalCode !== null || dog.pid === undefined) return;
      const gone = new Promise((resolve) => dog.once("exit", resolve));
      dog.ref();
      dog.stdin?.end();
      await gone;
    },
  };
}
