import { spawn } from "node:child_process";

/** A shell that stays open, as a reader of a page has it. */
export type Terminal = {
  /** Types a command and answers the lines it printed, both streams together, once it has ended. */
  run(command: string): Promise<string[]>;
  /** Types a command that stays, and answers its lines as soon as `isReady` is content with them. */
  start(command: string, isReady: (lines: string[]) => boolean): Promise<string[]>;
  /** As Ctrl-C and closing the window; answers when all that ran in it has ended. */
  close(): Promise<void>;
};

const END = "--- end of command ---";

export function openTerminal(cwd: string, env: Record<string, string>): Terminal {
  // A group of its own, which close ends as a whole.
  const shell = spawn("bash", ["--norc", "--noprofile"], { cwd, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  let printed = "";
  let look = () => {};
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      look();
    });
  const closed = new Promise<void>((resolve) => shell.once("close", () => resolve()));
  shell.stdin.write("exec 2>&1\n");

  const linesOf = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

  function until(found: () => string[] | undefined, command: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      look = () => {
        const lines = found();
        if (lines) resolve(lines);
      };
      look();
      void closed.then(() => reject(new Error(`the shell ended in: ${command}\n${printed}`)));
    });
  }

  return {
    async run(command) {
      printed = "";
      shell.stdin.write(`{ ${command}\n} </dev/null\nprintf '\\n%s\\n' '${END}'\n`);
      return until(() => {
        const end = printed.indexOf(`\n${END}`);
        return end < 0 ? undefined : linesOf(printed.slice(0, end));
      }, command);
    },
    async start(command, isReady) {
      printed = "";
      shell.stdin.write(`exec ${command} </dev/null\n`);
      return until(() => (isReady(linesOf(printed)) ? linesOf(printed) : undefined), command);
    },
    async close() {
      if (shell.pid !== undefined && shell.exitCode === null && shell.signalCode === null)
        process.kill(-shell.pid, "SIGTERM");
      await closed;
    },
  };
}
