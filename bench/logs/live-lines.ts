import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { builtProgram, plainEnvironment } from "../support/process.ts";

/** Prints when it prints, in ms since 1970, about 25 times a second; a pace that no timer of ours divides. */
const printer = (lines: number) => `
  let left = ${lines};
  const timer = setInterval(() => {
    process.stdout.write((performance.timeOrigin + performance.now()).toFixed(1) + "\\n");
    if (--left === 0) clearInterval(timer);
  }, 37);`;

/** ms from the job's writing of each line until it came out of \`rendt run\`. The first are left out: a watch has to begin. */
export async function timeLines(env: Record<string, string>, lines: number): Promise<number[]> {
  const command = [builtProgram(), "run", "--", process.execPath, "-e", printer(lines)];
  const child = spawn(process.execPath, command, {
    env: { ...plainEnvironment(), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const late: number[] = [];
  for await (const line of createInterface({ input: child.stdout }))
    late.push(performance.timeOrigin + performance.now() - Number(line));
  if (late.length !== lines) throw new Error(`${late.length} of ${lines} lines arrived`);
  return late.slice(Math.ceil(lines / 10));
}
