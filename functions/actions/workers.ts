import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { accountsFor } from "./accounts.ts";
import { retrying } from "./apply.ts";
import { auditBy } from "./audit.ts";
import type { Call } from "./call.ts";
import { toCursor } from "./page.ts";

export async function listWorkers(
  { world, who }: Call,
  request: ParsedRequestOf<"listWorkers">,
): Promise<AnswerOf<"listWorkers">> {
  const { items, ...next } = await world.store.list("worker", accountsFor(who, request.account), toCursor(request));
  return { items: items.map(viewWorker), ...next };
}

export async function showWorker(call: Call, { id }: ParsedRequestOf<"showWorker">): Promise<AnswerOf<"showWorker">> {
  return viewWorker(await workerFor(call, id));
}

/** Forgets a worker. Its leases run out by themselves; to keep it away its token is to be revoked. */
export async function removeWorker(
  call: Call,
  { id }: ParsedRequestOf<"removeWorker">,
): Promise<AnswerOf<"removeWorker">> {
  const { world } = call;
  await retrying(`worker ${id}`, async () => {
    const { account, name, version } = await workerFor(call, id);
    const audit = auditBy(call, "worker.remove", id, { account, name });
    const committed = await world.store.commit([{ kind: "worker", remove: id, expect: version }, audit]);
    return committed === "conflict" ? "conflict" : { value: undefined };
  });
  world.sightings.forget(id);
  world.fleet.forget();
  return { id };
}

/** A worker of the asker's account, or any for an admin. */
export async function workerFor({ world, who }: Call, id: string): Promise<WorkerRecord> {
  const [worker] = await world.store.get("worker", [id]);
  if (worker && (who.role === "admin" || worker.account === who.account)) return worker;
  throw new RendtError("not_found", `account ${who.account} has no worker ${JSON.stringify(id)}`);
}

/** All of a worker but how it is stored. */
export const viewWorker = ({ v: _, version: __, build, ...view }: WorkerRecord) => ({ ...view, version: build });
