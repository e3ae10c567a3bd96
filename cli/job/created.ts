import { AnsweredError, RendtError } from "../../contract/errors.ts";
import type { AnswerOf } from "../../contract/operations.ts";

type Item = AnswerOf<"create">["items"][number];
export type Created = Extract<Item, { existing: boolean }>;

/** The job that was created, or the error why not. */
export function created(item: Item | undefined): Created {
  if (item === undefined) throw new RendtError("internal", "the server answered nothing about the new job");
  if (isCreated(item)) return item;
  const { code, message, hint } = item.error;
  throw new AnsweredError({ code, message, hint, status: 400 });
}

const isCreated = (item: Item): item is Created => !("error" in item);
