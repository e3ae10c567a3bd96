import { isPin, PINS } from "../domain/demand.ts";
import { type IndexPlaces, jobPlaces, slicePlaces } from "../domain/index-places.ts";
import { readSortKey, sliceId, sortKey } from "./keys.ts";
import type { Claimable, DueKey, Put } from "./port.ts";

/**
 * Where a record stands in the three sparse indexes, as both adapters store it. Each `sort` orders its index, ends in the
 * record's id and serves as the cursor of a page.
 */
export type Places = {
  queue?: { queue: string; class: string; sort: string };
  due?: string;
  /** From this time on the record is of no use to anybody, and nothing else goes with it: a store may drop it instead of keeping it in `due`. */
  vanishAt?: number;
  owner?: { account: string; sort: string };
};

/** Accounts belong to nobody: they are listed all together. */
const EVERY_ACCOUNT = "*";

/** Index places are a pure function of the record (lifecycle.md, rule 5); what is absent leaves its index. */
export function placesOf({ kind, put }: Put): Places {
  switch (kind) {
    case "job":
      return { ...timed(jobPlaces(put), kind, put.id), owner: ownerPlace(put.owner, put.times.createdAt, put.id) };
    case "slice":
      return timed(slicePlaces(put), kind, sliceId(put.job, put.number));
    case "tombstone":
    case "code":
      return timed({ wakeAt: put.wakeAt }, kind, put.id);
    case "worker":
      return { owner: ownerPlace(put.account, put.registeredAt, put.id) };
    case "token":
      return { owner: ownerPlace(put.account, put.createdAt, put.id) };
    case "account":
      return { owner: ownerPlace(EVERY_ACCOUNT, put.createdAt, put.id) };
    case "audit":
      return { owner: ownerPlace(put.account, put.at, put.id) };
    case "sweep":
    case "secret":
    case "build":
      return {};
  }
}

/** What a place in a queue says: the slice, and whether it stands in its job's record or in one of its own. */
export function readQueuePlace({ sort, class: name }: QueueEntry): Claimable {
  const { value: order, text } = readSortKey(sort);
  const dot = text.indexOf(".");
  const place = { class: name, order };
  return dot < 0 ? { job: text, ...place } : { job: text.slice(0, dot), number: Number(text.slice(dot + 1)), ...place };
}

export type QueueEntry = { sort: string; class: string };

/** The entries of several classes in one row. */
export const mergeClasses = (entries: readonly (readonly QueueEntry[])[]): QueueEntry[] =>
  entries.flat().sort((a, b) => (a.sort < b.sort ? -1 : 1));

/** As which a class is listed: those of single workers together. */
export const familyOf = (name: string): string => (isPin(name) ? PINS : name);

export function readDuePlace(sort: string): DueKey {
  const { value, text } = readSortKey(sort);
  const cut = text.indexOf("#");
  const kind = text.slice(0, cut);
  if (!isTimed(kind)) throw new TypeError(`no timer of kind ${kind}`);
  return { kind, id: text.slice(cut + 1), wakeAt: value };
}

const isTimed = (kind: string): kind is DueKey["kind"] => ["job", "slice", "tombstone", "code"].includes(kind);

function timed({ byQueue, wakeAt, alone }: IndexPlaces, kind: DueKey["kind"], id: string): Places {
  return {
    ...(byQueue && { queue: { queue: byQueue.queue, class: byQueue.class, sort: sortKey(byQueue.order, id) } }),
    ...(wakeAt !== undefined && { due: sortKey(wakeAt, `${kind}#${id}`) }),
    ...(wakeAt !== undefined && alone && { vanishAt: wakeAt }),
  };
}

const ownerPlace = (account: string, madeAt: number, id: string) => ({ account, sort: sortKey(madeAt, id) });
