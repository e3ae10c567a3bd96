import { readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf, RendtError } from "../contract/errors.ts";
import { makeFolderSync } from "../files/make-folder.ts";
import { foldersOf } from "../sdk/profile.ts";
import { askStatus, type WorkerStatus } from "../worker/status.ts";
import type { Call } from "./command.ts";

type Environment = Call["environment"];

const folderOf = (environment: Environment): string => join(foldersOf(environment).data, "workers");

/** Notes where a worker of this user keeps its state, so that those who ask need not know; answers how to forget it. */
export function noteWorker(environment: Environment, id: string, state: string): () => void {
  const path = join(folderOf(environment), id);
  makeFolderSync(folderOf(environment), 0o700);
  rmSync(path, { force: true });
  symlinkSync(resolve(state), path);
  return () => rmSync(path, { force: true });
}

/** How the workers of this user on this machine are, or the one in the folder of --dir. One that is silent hides no other. */
export async function askWorkers({ options, environment, terminal }: Call): Promise<WorkerStatus[]> {
  const states = options.dir === undefined ? notedStates(environment) : [resolve(options.dir)];
  const answers = await Promise.allSettled(states.map(askStatus));
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" && answer.value ? [answer.value] : []));
  const failures = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  if (found.length > 0) {
    for (const failure of failures) terminal.say(`rendt: ${messageOf(failure)}`);
    return found.sort((a, b) => a.since - b.since);
  }
  if (failures.length > 0) throw failures[0];
  const where = options.dir === undefined ? "for this user on this machine" : `in ${states.join()}`;
  throw new RendtError("no_worker_here", `no worker runs ${where}`);
}

function notedStates(environment: Environment): string[] {
  const folder = folderOf(environment);
  try {
    return readdirSync(folder).map((id) => readlinkSync(join(folder, id)));
  } catch {
    // No worker has ever been started here.
    return [];
  }
}
