import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openJournal } from "../../worker/journal.ts";
import { processesNaming } from "./proc.ts";

/** What a worker that has stopped left in its state folder and should not have. */
export function remainsOfWorker(state: string): { files: string[]; openLeases: number; problems: string[] } {
  const problems: string[] = [];
  const { journal, open } = openJournal(join(state, "journal"), (problem) => problems.push(problem));
  journal.close();
  return { files: [join(state, "tasks"), join(state, "logs")].flatMap(entriesIn), openLeases: open.length, problems };
}

/** Bytes of uploads that nobody will go on with. */
export function remainsOfServer(folder: string): string[] {
  const blobs = join(folder, "blobs");
  return [join(blobs, "incoming"), join(blobs, "uploads")].flatMap(filesBelow);
}

/** Processes of tasks that this worker started, in whatever life. */
export function processesOfWorker(state: string): number[] {
  return processesNaming(`RENDT_ATTEMPT=${readFileSync(join(state, "worker-id"), "utf8").trim()}.`);
}

const entriesIn = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
}
