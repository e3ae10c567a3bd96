import { RendtError } from "../../contract/errors.ts";
import { RENEW_EVERY_MS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { retrying } from "./apply.ts";
import type { Call } from "./call.ts";

/** Longer than a lease's usual work: one finish for each lease, not for each task, where calls are paid for. */
const GATHER_MS = 60_000;

/** Makes a worker known to its account, or notes that it changed. */
export async function register(
  { world, who }: Call,
  request: ParsedRequestOf<"register">,
): Promise<AnswerOf<"register">> {
  const { version: build, ...measured } = request;
  const now = world.clock();
  await retrying(`worker ${request.id}`, async () => {
    const [known] = await world.store.get("worker", [request.id]);
    if (known && known.account !== who.account) {
      throw new RendtError("id_taken", `the worker id ${request.id} is taken: draw another one`);
    }
    const put: WorkerRecord = {
      v: 1,
      ...measured,
      build,
      account: who.account,
      version: (known?.version ?? 0) + 1,
      registeredAt: known?.registeredAt ?? now,
      lastSeenAt: now,
      // A restart is no way around a drain.
      ...(known?.drainingSince !== undefined && { drainingSince: known.drainingSince }),
    };
    const committed = await world.store.commit([{ kind: "worker", put, expect: known?.version ?? "absent" }]);
    return committed === "conflict" ? "conflict" : { value: undefined };
  });
  world.sightings.forget(request.id);
  world.fleet.forget();
  const gatherMs = world.doorbell.holds ? undefined : GATHER_MS;
  return {
    id: request.id,
    account: who.account,
    serverTime: now,
    renewEveryMs: RENEW_EVERY_MS,
    build: await world.builds.offered(now),
    ...(gatherMs !== undefined && { gatherMs }),
  };
}
