import { RendtError } from "../../contract/errors.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import type { Store } from "../store/port.ts";

/** What a process knows of an account's workers is believed this long. */
const BELIEVED_MS = 30_000;
const PAGE = 200;
/** Where there are more, nobody is told that none of them fits. */
const MOST_WORKERS = 1000;
const MOST_ACCOUNTS = 1000;

type Workers = { items: readonly WorkerRecord[]; areAll: boolean };

/** The workers that are registered, as they were a moment ago. */
export type Fleet = {
  /** Those of an account, or of all. */
  of(account: string | undefined): Promise<Workers>;
  /** The worker of an account that an id or a name means: the id. One that is not known yet can be meant by its id. */
  find(account: string, idOrName: string): Promise<string>;
  /** Somebody came, changed or went. */
  forget(): void;
};

export function createFleet({ list }: Pick<Store, "list">, clock: () => number): Fleet {
  const known = new Map<string | undefined, { workers: Workers; at: number }>();

  async function read(account: string | undefined): Promise<Workers> {
    const items: WorkerRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await list("worker", account, { limit: PAGE, ...(cursor !== undefined && { cursor }) });
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && items.length < MOST_WORKERS);
    return { items, areAll: cursor === undefined };
  }

  async function of(account: string | undefined): Promise<Workers> {
    const last = known.get(account);
    if (last && Math.abs(clock() - last.at) < BELIEVED_MS) return last.workers;
    const workers = await read(account);
    remember(known, account, { workers, at: clock() }, MOST_ACCOUNTS);
    return workers;
  }

  return {
    of,
    async find(account, idOrName) {
      const { items } = await of(account);
      if (items.some(({ id }) => id === idOrName) || /^w[0-9a-hjkmnp-tv-z]{12}$/.test(idOrName)) return idOrName;
      const named = items.filter(({ name }) => name === idOrName);
      const [only] = named;
      if (only && named.length === 1) return only.id;
      const quoted = JSON.stringify(idOrName);
      if (!only) throw new RendtError("not_found", `account ${account} has no worker ${quoted}`);
      const ids = named.map(({ id }) => id).join(", ");
      throw new RendtError("bad_request", `${named.length} workers are named ${quoted}: use one of the ids ${ids}`);
    },
    forget: () => known.clear(),
  };
}
