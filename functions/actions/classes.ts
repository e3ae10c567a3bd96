import { ANY, isPin, MOST_CLASSES, pinOf, rounded } from "../domain/demand.ts";
import type { Job } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import type { Store } from "../store/port.ts";

/** What a process has seen of a queue's classes is believed this long. */
const BELIEVED_MS = 10_000;
const MOST_QUEUES = 1000;

/** Where jobs wait: each demand has a class of its own until a queue has many; what comes then is gathered in few. */
export type Classes = {
  place(queue: string, demand: string): Promise<Pick<Job, "class" | "demand">>;
};

export function createClasses({ listClasses }: Pick<Store, "listClasses">, clock: () => number): Classes {
  const seen = new Map<string, { exact: Set<string>; at: number }>();

  async function exactIn(queue: string): Promise<Set<string>> {
    const known = seen.get(queue);
    if (known && Math.abs(clock() - known.at) < BELIEVED_MS) return known.exact;
    const listed = await listClasses(queue);
    const exact = new Set(listed.filter((name) => !name.startsWith("~") && !isPin(name)));
    remember(seen, queue, { exact, at: clock() }, MOST_QUEUES);
    return exact;
  }

  return {
    async place(queue, demand) {
      if (demand === ANY) return { class: ANY };
      const exact = await exactIn(queue);
      if (!exact.has(demand) && exact.size >= MOST_CLASSES) return { class: rounded(demand), demand };
      exact.add(demand);
      return { class: demand };
    },
  };
}

/** Where a job waits that only one worker may take. */
export const pinned = (worker: string, demand: string): Pick<Job, "class" | "demand"> => ({
  class: pinOf(worker),
  ...(demand !== ANY && { demand }),
});
