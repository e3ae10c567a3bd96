import { ERRORS } from "../../contract/errors.ts";
import { isOpenTo } from "../domain/demand.ts";
import { misfits } from "../domain/match.ts";
import type { Job, WorkerRecord } from "../domain/records.ts";
import type { World } from "./call.ts";
import { PUBLIC, queuesOf, takesJobsOf } from "./queue.ts";

type Waiting = Pick<Job, "owner" | "queue" | "class" | "demand">;

/** Why a worker will not take a job, as long as both are as they are. */
export function unfit(worker: WorkerRecord, { owner, queue, class: place, demand = place }: Waiting): string[] {
  if (!isOpenTo(place, worker.id)) return ["the job is for another worker"];
  const isLeftOut = !queuesOf(worker).includes(queue) && queuesOf({ ...worker, takes: undefined }).includes(queue);
  return [
    ...(isLeftOut ? [`does not read queue ${queue}: its owner takes no jobs of it`] : []),
    ...(takesJobsOf(worker, owner) ? [] : [`its owner takes no jobs of account ${owner}`]),
    ...misfits(demand, worker, owner),
  ];
}

/** Tells who submits what none of the workers known now will ever run, and what the nearest of them lacks. */
export async function warningFor({ fleet }: World, job: Waiting) {
  const { items, areAll } = await fleet.of(job.queue === PUBLIC ? undefined : job.owner);
  const pick = items
    .filter(({ id }) => isOpenTo(job.class, id))
    .map((worker) => ({ worker, lacks: unfit(worker, job) }));
  if (!areAll || pick.some(({ lacks }) => lacks.length === 0)) return undefined;
  const [nearest] = pick.sort((a, b) => a.lacks.length - b.lacks.length || b.worker.lastSeenAt - a.worker.lastSeenAt);
  return { code: "no_worker_fits" as const, message: tell(nearest, job), hint: ERRORS.no_worker_fits.hint };
}

function tell(nearest: { worker: WorkerRecord; lacks: string[] } | undefined, job: Waiting): string {
  const waits = "it waits until one is there";
  if (!nearest) return `no worker is known that could take it: ${waits}`;
  const { account, name } = nearest.worker;
  const who = account === job.owner ? name : "one of another account";
  return `no known worker can take it; the nearest is ${who}: ${nearest.lacks.join("; ")}; ${waits}`;
}
