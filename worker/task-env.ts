import { type Held, indexOf } from "./held.ts";
import { ATTEMPT_VARIABLE } from "./process.ts";
import { threadVariables } from "./sandbox/limits.ts";
import type { TaskFolder } from "./sandbox/port.ts";
import type { House } from "./terms.ts";

/** Where commands are looked for; the worker's own PATH is its owner's affair. */
export const TASK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Task = {
  held: Held;
  position: number;
  /** Where the task sees its folders. */
  folder: TaskFolder;
  tag: string;
  house: Pick<House, "path">;
  /** How many cores it should keep busy. */
  cpus: number;
  /** The variable that tells programs which of this machine's GPUs are theirs, where there are some. */
  gpuVariable: string | undefined;
};

/** The whole environment of a task. The tag goes first and can't be replaced: it finds what the task leaves behind. */
export function environmentOf({ held, position, folder, tag, house, cpus, gpuVariable }: Task): Record<string, string> {
  const { lease } = held;
  const item = itemOf(held, position);
  const own = {
    RENDT_JOB: lease.job,
    RENDT_TASK: String(indexOf(lease, position)),
    RENDT_TRY: String(lease.try),
    ...(item !== undefined && { RENDT_ITEM: item }),
    // Empty hides them all: a task has those that it asked for.
    ...(gpuVariable !== undefined && { [gpuVariable]: (held.gpus ?? []).join(",") }),
  };
  const path = [...house.path, TASK_PATH].join(":");
  const usual = { PATH: path, HOME: folder.home, TMPDIR: folder.tmp, ...threadVariables(cpus) };
  const { [ATTEMPT_VARIABLE]: _, ...asked } = lease.spec.env;
  const { [ATTEMPT_VARIABLE]: __, ...secrets } = held.secrets ?? {};
  return { [ATTEMPT_VARIABLE]: tag, ...usual, ...asked, ...secrets, ...own };
}

/** `{}` stands for the task's item, in every word, but only in jobs that have items or are arrays: elsewhere it is text. */
export function commandOf(held: Held, position: number): readonly string[] {
  const { command } = held.lease.spec;
  const item = itemOf(held, position);
  return item === undefined ? command : command.map((word) => word.replaceAll("{}", () => item));
}

/** An array without items counts through: its item is the index. */
function itemOf(held: Held, position: number): string | undefined {
  if (held.items) return held.items[position - held.lease.from];
  return held.lease.spec.array ? String(indexOf(held.lease, position)) : undefined;
}
