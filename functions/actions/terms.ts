import { fits } from "../domain/match.ts";
import type { Slice, WorkerRecord } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import { takesJobsOf } from "./queue.ts";

/** Whose a job is, and what it asks of a machine. */
export type Terms = { owner: string; demand: string };

export const termsOf = ({ owner, demand, class: name }: Slice): Terms => ({ owner, demand: demand ?? name });

/** Whether a worker that runs nothing else can take it, and its owner wants it. */
export const suits = (worker: WorkerRecord, { owner, demand }: Terms): boolean =>
  takesJobsOf(worker, owner) && fits(demand, worker, owner);

/** A job that gets the id of one that is gone stands elsewhere in its queue, and may ask for something else. */
export const placeInQueue = ({ job, order }: Pick<Slice, "job" | "order">): string => `${job} ${order}`;

/** A claim looks through the same page of unsuited jobs each time: it reads none of them twice. */
export function noteUnsuited(unsuited: Map<string, Terms>, slice: Slice): void {
  remember(unsuited, placeInQueue(slice), termsOf(slice));
}
