import type { Client } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { ENDED, type JobStatus, type JobView } from "../contract/job.ts";
import { MAX_GET_JOBS, MAX_LIST_ITEMS } from "../contract/limits.ts";

type Wanted = {
  status?: JobStatus | undefined;
  /** A glob. */
  name?: string | undefined;
  /** Of all accounts, which needs an admin's token. */
  all?: boolean | undefined;
  limit: number;
};

/** The newest jobs, page by page. */
export async function listJobs(
  client: Pick<Client, "list">,
  { all, limit, ...filter }: Wanted,
  signal?: AbortSignal,
): Promise<JobView[]> {
  const found: JobView[] = [];
  let cursor: string | undefined;
  do {
    const most = Math.min(MAX_LIST_ITEMS, limit - found.length);
    const page = await client.list({ ...filter, ...(all && { all: "true" }), limit: most, cursor }, { signal });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && found.length < limit);
  return found;
}

export const hasEnded = ({ status }: Pick<JobView, "status">): boolean => ENDED.has(status);

/** Looks at jobs by id, in the order asked for; one that is not there is an error. */
export async function getJobs(client: Pick<Client, "get">, ids: readonly string[]): Promise<JobView[]> {
  const found: JobView[] = [];
  for (const batch of batches(ids)) {
    const { items } = await client.get({ ids: batch });
    found.push(...items.map(present));
  }
  return found;
}

/** A view, or the error that there is no such job. */
export function present(item: JobView | { id: string; missing: true }): JobView {
  if (!("status" in item)) throw new RendtError("not_found", `there is no job ${item.id}`);
  return item as JobView;
}

/** As many ids as one request may hold. */
export function batches(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / MAX_GET_JOBS) }, (_, at) =>
    ids.slice(at * MAX_GET_JOBS, (at + 1) * MAX_GET_JOBS),
  );
}
