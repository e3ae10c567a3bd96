import { DEFAULT_POLICY } from "../../contract/retry.ts";
import { openServer } from "../../sdk/open-server.ts";
import type { Call } from "../command.ts";
import { completionScript, SHELLS } from "../completion.ts";
import { usage } from "../failure.ts";
import { addressOf } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { words, commands, terminal } = call;
  const [what] = words;
  if (what === "jobs" || what === "workers") {
    for (const id of await idsOf(what, call)) terminal.line(id);
    return 0;
  }
  const shell = SHELLS.find((name) => name === what);
  if (!shell) throw usage(`no completion for ${JSON.stringify(what)}: there is ${SHELLS.join(", ")}`);
  terminal.line(completionScript(shell, commands).trimEnd());
  return 0;
}

const MOST_IDS = 50;
/** Somebody has pressed Tab and waits. */
const MOST_MS = 1000;

/** The newest ids, and the names of workers; none when the server can't be asked, because a line that is being typed is no place for complaints. */
async function idsOf(what: "jobs" | "workers", call: Call): Promise<string[]> {
  try {
    const { once, close } = openServer(addressOf(call, "submitter"), { ...DEFAULT_POLICY, tries: 1 });
    const [page, options] = [{ limit: MOST_IDS }, { signal: AbortSignal.timeout(MOST_MS) }];
    if (what === "jobs") return (await once.list(page, options).finally(close)).items.map(({ id }) => id);
    const { items } = await once.listWorkers(page, options).finally(close);
    // A name with a space in it would come out as several words.
    const names = items.map(({ name }) => name).filter((name) => /^[\w.:@%+-]+$/.test(name));
    return [...new Set([...items.map(({ id }) => id), ...names])];
  } catch {
    return [];
  }
}
