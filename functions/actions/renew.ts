import { RENEW_EVERY_MS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { applyToSlice, loadSlice } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { readLeaseId } from "./lease-id.ts";
import { isDraining } from "./sightings.ts";
import { lookUntil } from "./waiting.ts";

type Item = AnswerOf<"renew">["items"][number];
type By = { lease: string; worker: string; delivering: boolean; paused: boolean };

const MAX_UNDER_WAY = 64;

/** Renews leases, each for itself; with `wait` the answer is held until there is something that this worker was not told. */
export async function renew(call: Call, request: ParsedRequestOf<"renew">): Promise<AnswerOf<"renew">> {
  const { world, who } = call;
  const { worker, wait } = request;
  const asker = { id: worker, account: who.account };
  let draining = isDraining(await world.sightings.see({ ...asker, draining: request.draining }, world.clock()));
  const isOrder = () => request.draining !== undefined && request.draining !== draining;
  const delivering = new Set(request.delivering);
  const paused = new Set(request.paused);
  const ask = (act: (world: World, by: By) => Promise<Item>) =>
    mapAtMost(MAX_UNDER_WAY, request.leases, (lease) =>
      act(world, { lease, worker, delivering: delivering.has(lease), paused: paused.has(lease) }),
    );

  let items = await ask(request.renew ? renewOne : listenTo);
  const isHeld = wait !== undefined && wait > 0 && world.doorbell.holds;
  if (isHeld && !isOrder() && !items.some((item) => isNews(world, item))) {
    const found = await lookUntil(call, { topics: [`lease:${worker}`, `worker:${worker}`], waitMs: wait }, async () => {
      const now = await ask(listenTo);
      draining = isDraining(await world.sightings.see(asker, world.clock()));
      return { value: now, enough: isOrder() || now.some((item) => isNews(world, item)) };
    });
    items = found.value;
  }
  for (const item of items) tell(world, item);
  const build = await world.builds.offered(world.clock());
  return { items, build, retryAfterMs: isHeld ? 0 : RENEW_EVERY_MS, draining };
}

async function renewOne(world: World, by: By): Promise<Item> {
  const { lease } = by;
  const key = readLeaseId(lease);
  const applied = key && (await applyToSlice<"renew">(world, key, () => ({ kind: "renew", ...by })));
  return { lease, ...(applied?.answer ?? { state: "lost" }) };
}

/** How a lease stands, without renewing it. One that lapsed may be taken up again by a renewal, so it is not lost yet. */
async function listenTo(world: World, { lease, worker }: By): Promise<Item> {
  const key = readLeaseId(lease);
  const slice = key && (await loadSlice(world.store, key))?.slice;
  if (!slice) return { lease, state: "lost" };
  const now = world.clock();
  const watch = (slice.watchUntil ?? 0) > now;
  const live = slice.leases[lease];
  if (live?.worker === worker) {
    return { lease, state: "held", from: live.from, upTo: live.upTo, goodForMs: live.expiresAt - now, watch };
  }
  if (slice.open.some(({ was }) => was?.lease === lease && was.worker === worker)) {
    return { lease, state: "held", goodForMs: 0, watch };
  }
  return { lease, state: slice.status === "cancelled" ? "cancelled" : "lost" };
}

/** What the worker was told last is remembered, so that nothing is missed between two calls and nothing is told for ever. */
const isNews = ({ told }: World, { lease, state, watch = false }: Item): boolean =>
  state !== "held" || told.has(lease) !== watch;

const tell = ({ told, clock }: World, { lease, state, watch = false }: Item): void =>
  told.note(lease, state === "held" && watch, clock());
