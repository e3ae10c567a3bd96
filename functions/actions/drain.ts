import type { AnswerOf } from "../../contract/operations.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { retrying } from "./apply.ts";
import { auditBy } from "./audit.ts";
import type { Call, World } from "./call.ts";
import { isDraining } from "./sightings.ts";
import { viewWorker, workerFor } from "./workers.ts";

type ById = { id: string };

/** Lets a worker take nothing new until it is resumed, over its restarts; it hears of it with its next answer. */
export const drainWorker = (call: Call, { id }: ById): Promise<AnswerOf<"drainWorker">> => order(call, id, true);

/** Takes that back. */
export const resumeWorker = (call: Call, { id }: ById): Promise<AnswerOf<"resumeWorker">> => order(call, id, false);

/** Ordering what is so already is nothing. */
async function order(call: Call, id: string, drain: boolean) {
  const { world } = call;
  const ordered = await retrying(`worker ${id}`, async () => {
    const before = await workerFor(call, id);
    if (isDraining(before) === drain) return { value: before };
    const { drainingSince: _, drainedAt: __, ...rest } = before;
    const put = { ...rest, version: before.version + 1, ...(drain && { drainingSince: world.clock() }) };
    const { account, name } = before;
    const audit = auditBy(call, drain ? "worker.drain" : "worker.resume", id, { account, name });
    const committed = await world.store.commit([{ kind: "worker", put, expect: before.version }, audit]);
    return committed === "conflict" ? "conflict" : { value: put };
  });
  world.sightings.forget(id);
  world.doorbell.ring(`worker:${id}`);
  return viewWorker(ordered);
}

/** Notes that a draining worker has nothing left in its hands. */
export async function noteDrained(world: World, { id }: WorkerRecord): Promise<void> {
  await retrying(`worker ${id}`, async () => {
    const [before] = await world.store.get("worker", [id]);
    if (!before || !isDraining(before) || before.drainedAt !== undefined) return { value: undefined };
    const put = { ...before, version: before.version + 1, drainedAt: world.clock() };
    const committed = await world.store.commit([{ kind: "worker", put, expect: before.version }]);
    return committed === "conflict" ? "conflict" : { value: undefined };
  });
  world.sightings.forget(id);
}
