import { type JobStatus, type JobView, STATUS_CODES } from "../contract/job.ts";
import type { Colour, Terminal } from "./terminal.ts";

const colours: Partial<Record<JobStatus, Colour>> = {
  finished: "green",
  failed: "red",
  expired: "red",
  cancelled: "yellow",
  skipped: "yellow",
  executing: "cyan",
  delivering: "cyan",
};

/** Both names of a status: `finished (f)`. */
export function showStatus(status: JobStatus, terminal: Pick<Terminal, "paint">): string {
  const colour = colours[status];
  const text = `${status} (${STATUS_CODES[status]})`;
  return colour ? terminal.paint(colour, text) : text;
}

/** Tasks of an array by what they do: `97 succeeded, 2 executing, 1 failed`; nothing for a single task. */
export function showTasks({ count, tasks }: Pick<JobView, "count" | "tasks">): string {
  if (count === 1) return "";
  const { succeeded, executing, delivering, available, waiting, failed, dropped } = tasks;
  const named = { succeeded, executing, delivering, available, waiting, failed, dropped };
  const parts = Object.entries(named).flatMap(([name, number]) => (number > 0 ? [`${number} ${name}`] : []));
  return parts.join(", ") || `${count} tasks`;
}

/** A command as one would type it in a shell. */
export const showCommand = (command: readonly string[]): string => command.map(quoteWord).join(" ");

const quoteWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
