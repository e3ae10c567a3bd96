import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { isFinal } from "../domain/job.ts";
import type { Job } from "../domain/records.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { isOwn } from "./own-job.ts";
import { viewJob } from "./view.ts";
import { lookUntil } from "./waiting.ts";

type Item = AnswerOf<"get">["items"][number];

/** When to ask again where `wait` was not held, or nothing came of it. */
const ASK_AGAIN_MS = 1000;
/** An array changes with every lease, and to look at it is to read all its slices: those who watch it look so often. */
const ARRAY_REST_MS = 250;
const MAX_UNDER_WAY = 16;

/** Looks at jobs of the asker's account, in the order asked for; all others are `missing`. */
export async function get(call: Call, request: ParsedRequestOf<"get">): Promise<AnswerOf<"get">> {
  const { world, who } = call;
  const { ids, until, seen, wait } = request;
  const topics = ids.map((id) => `job:${id}`);
  let restMs = 0;

  const { value, enough } = await lookUntil(call, { topics, waitMs: wait, restMs: () => restMs }, async () => {
    const found = await world.store.get("job", ids);
    const jobs = found.map((job) => (job && isOwn(job, who) ? job : undefined));
    if (until === "changed") {
      if (jobs.some((job) => job && job.slices > 1)) restMs = ARRAY_REST_MS;
      const items = await viewAll(world, ids, jobs);
      return { value: async () => items, enough: items.some((item) => isNew(item, seen)) };
    }
    // Whether a job has ended is in its header: the slices of an array are read once, for the answer.
    const isEnough = jobs.some((job) => job && isFinal(job)) || jobs.every((job) => job === undefined);
    return { value: () => viewAll(world, ids, jobs), enough: isEnough };
  });
  return { items: await value(), ...(!enough && { retryAfterMs: ASK_AGAIN_MS }) };
}

function viewAll(world: World, ids: readonly string[], jobs: readonly (Job | undefined)[]): Promise<Item[]> {
  return mapAtMost(MAX_UNDER_WAY, ids, async (id, at): Promise<Item> => {
    const job = jobs[at];
    return job ? viewJob(world, job) : { id, missing: true };
  });
}

/** Without a version that the asker has seen, everything is new. */
function isNew(item: Item, seen: Record<string, number> = {}): boolean {
  return "missing" in item || seen[item.id] !== item.version;
}
