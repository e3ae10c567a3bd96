import type { JobView } from "../contract/job.ts";
import type { AnswerOf } from "../contract/operations.ts";
import type { Call } from "./command.ts";
import { EXIT } from "./exit.ts";
import { showStatus } from "./status.ts";
import type { Terminal } from "./terminal.ts";

type Item = AnswerOf<"cancel">["items"][number];

/** A job that was cancelled or retried, with the status that it has now. */
export const showOutcome = (item: Item, terminal: Terminal): string =>
  isView(item) ? `${item.id}  ${showStatus(item.status, terminal)}` : item.id;

const isView = (item: Item): item is JobView => "status" in item;

type Refused = { id: string; error?: { code: string; message: string; hint: string } | undefined };

/**
 * Tells what became of each of several jobs: the accepted on standard output, the refused on standard error. The exit code is that of a
 * refusal when there was one.
 */
export function tellAnswers<T extends Refused>(
  items: readonly T[],
  { options, terminal }: Pick<Call, "options" | "terminal">,
  show: (item: T) => string,
): number {
  const accepted = items.filter(({ error }) => error === undefined);
  const refused = items.flatMap(({ id, error }) => (error ? [{ id, error }] : []));
  if (options.json) terminal.json({ items });
  else for (const item of accepted) terminal.line(options.quiet ? item.id : show(item));
  for (const { id, error } of refused) {
    terminal.say(`rendt: ${id}: ${error.message} (${error.code})`);
    terminal.say(`hint: ${error.hint}`);
  }
  return refused.length > 0 ? EXIT.refused : EXIT.done;
}
