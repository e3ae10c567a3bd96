import type { Client } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { workerId } from "../contract/worker.ts";
import { usage } from "./failure.ts";
import { listAll } from "./list-all.ts";

/** Names are looked for among this many workers. */
const MAX_SEARCHED = 2000;

/** The ids of workers, each named by its id, the unique beginning of one, or a name that no other worker has. */
export async function selectWorkers(client: Pick<Client, "listWorkers">, texts: readonly string[]): Promise<string[]> {
  if (texts.every(isId)) return [...texts];
  const workers = await listAll((page) => client.listWorkers(page), MAX_SEARCHED);
  return texts.map((text) => {
    if (isId(text)) return text;
    const named = workers.filter(({ name }) => name === text);
    const found = named.length > 0 ? named : workers.filter(({ id }) => id.startsWith(text));
    const [only] = found;
    if (!only)
      throw new RendtError("not_found", `there is no worker ${JSON.stringify(text)}: none has that id or name`);
    if (found.length === 1) return only.id;
    const ids = found.map(({ id }) => id).join(", ");
    throw usage(`${JSON.stringify(text)} may mean several workers: ${ids}`, "use the id");
  });
}

const isId = (text: string): boolean => workerId.safeParse(text).success;
