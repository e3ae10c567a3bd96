import { emptyNow } from "../pipes.ts";
import { type Exited, type Start, type Started, signalled } from "../process.ts";
import { childrenOf } from "../process-tree.ts";
import { sayBytes } from "../say.ts";
import { quote } from "../shell-text.ts";
import type { SlotShell } from "../slot/shell.ts";
import { below, signalName, startInSlot } from "../slot/start.ts";
import { again, FD, hereDocument, runText } from "../slot/text.ts";
import { explainExec, explainShellFailure } from "../start-failure.ts";
import { bubblewrapWords, INNER_FD, INNER_SPEAKER } from "./bubblewrap.ts";
import { coresOf } from "./cores.ts";
import { BEGUN, innerScript } from "./inner-script.ts";
import type { Run } from "./port.ts";
import type { Root } from "./root.ts";
import type { Scope } from "./scope.ts";

/** What all strict runs of a worker have in common. */
export type StrictSetting = {
  root: Root;
  /** File with the filter of system calls; none on architectures that it does not know. */
  seccomp: string | undefined;
  /** Which systemd puts jobs into control groups. */
  scope: Scope | undefined;
  /** Variables by which it is reached, if it is the user's own. */
  bus: Readonly<Record<string, string>>;
};

/** Level `strict`: bubblewrap, with a shell as the first process of a PID namespace whose end ends everything in it. */
export const strictWords = (
  { root, seccomp }: StrictSetting,
  { network = false, ...run }: Run,
  slot: number,
): string[] => [
  ...coresOf(run.limits, slot),
  ...bubblewrapWords({
    folder: run.folder,
    root: root.path,
    mounts: root.mounts(network),
    seccomp: seccomp !== undefined,
    network,
  }),
];

/** The same in the namespace of a slot, whose shell starts it and ends what it may leave. `say`: where its first process is heard. */
export function strictInSlot(
  setting: StrictSetting,
  { shell, say, slot }: { shell: SlotShell; say: number; slot: number },
): Start {
  return (run, streams) => {
    // What an earlier run has said after its TERM, when nobody listened any more, is not for this one.
    emptyNow(say);
    let said = "";
    const listen = () => {
      said += emptyNow(say);
      return said;
    };
    const inner = () => below(shell).flatMap((bubblewrap) => childrenOf(bubblewrap));
    const words = strictWords(setting, run, slot).map(quote).join(" ");
    const script = hereDocument(INNER_FD.script, innerScript(run));
    const filter = setting.seccomp === undefined ? "" : `${INNER_FD.seccomp}<${quote(setting.seccomp)}`;
    return startInSlot(shell, {
      text: (number) =>
        runText(number, {
          cwd: "/",
          stdin: streams.input?.path,
          body: `export PATH; exec ${words}`,
          more: `${filter} ${script.redirection} ${INNER_FD.shell}>${again(FD.say)}`,
          lines: script.lines,
        }),
      roots: inner,
      group: () => (listen().startsWith(BEGUN) ? inner()[0] : "unasked"),
      read: (exit, errors) => readStrict(run, { ...exit, said: listen(), errors }),
    });
  };
}

type Told = Exited & {
  /** What the first process in the sandbox said, and how the run's standard error began. */
  said: string;
  errors: string;
};

/** What the end of a strict run means, where that is not the command's own exit code. */
export function readStrict(run: Run, { code, said, errors }: Told, isGrouped = false): ReturnType<Started["read"]> {
  const unable = (reason: string) => ({ outcome: "unable", exitCode: 125, reason }) as const;
  if (!said.startsWith(BEGUN)) {
    const why = [errors, said].join(" ").replaceAll(/\s+/g, " ").trim();
    return unable(`the sandbox could not be started: ${why || `exit code ${code}`}`);
  }
  // The shell says "Killed" or the like; an exit code above 128 alone is the command's own.
  const name = said.length > BEGUN.length && code !== null ? signalName(code - 128) : undefined;
  if (isGrouped && run.limits.memoryBytes !== undefined && (name === "SIGKILL" || code === null))
    return killedInGroup(run.limits.memoryBytes);
  if (code === null) return unable("the sandbox was killed from the outside");
  if (name !== undefined) return signalled(name, run);
  return (errors.startsWith(INNER_SPEAKER) ? explainExec : explainShellFailure)(run, code, errors);
}

/** Nobody here has killed it; the group, which would tell, is gone with it. */
const killedInGroup = (memoryBytes: number): ReturnType<Started["read"]> => ({
  outcome: "limit",
  exitCode: 137,
  signal: "SIGKILL",
  reason: `killed by the kernel, most likely: memory ${sayBytes(memoryBytes)}`,
});
