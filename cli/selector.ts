import type { Client } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { MAX_LIST_ITEMS } from "../contract/limits.ts";
import { usage } from "./failure.ts";

/** A job, and which of its tasks by their own numbers; all of them when `from` is absent. */
export type Selection = { id: string; from?: number; to?: number };

/** The same as a question for results: `upTo` is not included. */
export const tasksOf = ({ id, from, to }: Selection) => ({ id, from, upTo: to === undefined ? undefined : to + 1 });

const SELECTOR = /^(last|j[0-9a-z]{0,12})(?:\.(\d{1,7})(?:-(\d{1,7}))?)?$/;
const ID_LENGTH = 13;
/** A short beginning is looked for among this many of the newest jobs. */
const MAX_SEARCHED = 2000;

/** Finds what the selectors name: an id, the unique beginning of one, `last`, each with `.3` or `.0-9` for tasks. */
export async function select(client: Pick<Client, "list">, texts: readonly string[]): Promise<Selection[]> {
  const read = texts.map((text) => ({ text, match: SELECTOR.exec(text) }));
  const mistakes = read.filter(({ match }) => !match).map(({ text }) => `${JSON.stringify(text)} names no job`);
  if (mistakes.length > 0)
    throw usage(mistakes, "use an id such as j0123456789ab, the beginning of one, `last`, a task ID.3 or tasks ID.0-9");
  const found: Selection[] = [];
  for (const { text, match } of read) {
    const [, name = "", from, to] = match ?? [];
    const id =
      name.length === ID_LENGTH ? name : name === "last" ? await newest(client) : await unabridge(client, name);
    const range = from === undefined ? {} : { from: Number(from), to: Number(to ?? from) };
    if (range.from !== undefined && range.to < range.from) throw usage(`${text}: the tasks run backwards`);
    found.push({ id, ...range });
  }
  return found;
}

/** The one job that a verb is about. */
export async function selectOne(client: Pick<Client, "list">, words: readonly string[]): Promise<Selection> {
  const [selection] = await select(client, words.slice(0, 1));
  if (!selection) throw usage("SEL is missing");
  return selection;
}

/** Whole jobs, each once, for verbs that know no tasks. */
export async function selectJobs(client: Pick<Client, "list">, words: readonly string[]): Promise<string[]> {
  const selections = await select(client, words);
  const partial = selections.filter(({ from }) => from !== undefined);
  if (partial.length > 0)
    throw usage(
      partial.map(({ id, from }) => `${id}.${from} is a task`),
      "this verb takes whole jobs: leave out what follows the dot",
    );
  return [...new Set(selections.map(({ id }) => id))];
}

async function newest(client: Pick<Client, "list">): Promise<string> {
  const { items } = await client.list({ limit: 1 });
  if (!items[0]) throw new RendtError("not_found", "there is no last job: this account has none");
  return items[0].id;
}

async function unabridge(client: Pick<Client, "list">, beginning: string): Promise<string> {
  const found: string[] = [];
  let searched = 0;
  let cursor: string | undefined;
  do {
    const page = await client.list({ limit: MAX_LIST_ITEMS, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.items.filter(({ id }) => id.startsWith(beginning)).map(({ id }) => id));
    searched += page.items.length;
    cursor = page.next;
  } while (cursor !== undefined && searched < MAX_SEARCHED && found.length < 2);
  const [id, other] = found;
  if (id === undefined)
    throw new RendtError("not_found", `no job begins with ${beginning} (searched the newest ${searched})`);
  if (other !== undefined)
    throw usage(`${beginning} is the beginning of several jobs: ${id}, ${other} …`, "type more of the id");
  return id;
}
