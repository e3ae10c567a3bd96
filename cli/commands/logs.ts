import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { ENDED } from "../../contract/job.ts";
import { type LogStanding, readLog } from "../../sdk/read-log.ts";
import type { Call } from "../command.ts";
import { reachByLink } from "../link.ts";
import { createLogPrinter } from "../log-printer.ts";
import { type Selection, selectOne } from "../selector.ts";
import type { Server } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { follow = false, tail } = options;
  const { server, words } = reachByLink(call, follow ? "patient" : "brief");
  const selection = await selectOne(server.client, words);
  const print = createLogPrinter(terminal, {
    streams: options.stdout === options.stderr ? ["stdout", "stderr"] : [options.stdout ? "stdout" : "stderr"],
    timestamps: options.timestamps,
    json: options.json,
    tail,
  });
  const onBegin = follow ? print.follow : undefined;
  let standing: LogStanding | undefined;
  let isSilent = true;
  const indexes = await indexesIn(server, selection);
  const onLook = (now: LogStanding) => {
    standing = now;
  };
  for (const index of indexes) {
    const frames = readLog(server, { id: selection.id, index, try: options.try, follow, onBegin, onLook });
    for await (const frame of frames) {
      isSilent = false;
      await print.add(frame);
    }
  }
  await print.end();
  if (isSilent && standing) terminal.say(`rendt: ${silence(selection, indexes, standing)}`);
  return 0;
}

/** An empty screen does not say whether there is nothing, nothing yet, or nothing any more. */
function silence({ id, from }: Selection, indexes: readonly number[], { status, begun, whole }: LogStanding): string {
  if (indexes.length > 1) return `none of these ${indexes.length} tasks of ${id} has printed anything`;
  const task = from === undefined ? id : `${id}.${from}`;
  if (!ENDED.has(status)) return begun ? `${task} has printed nothing so far` : `${task} has not begun yet`;
  const ended = status === "finished" || status === "failed" ? status : `was ${status}`;
  // Of a run whose worker vanished no more is known than that.
  if (!begun && status === "failed") return `${task} failed, and nothing of what it printed has come from its workers`;
  if (!begun) return `${task} ${ended} before it began`;
  if (status !== "cancelled") return `${task} ${ended} without printing anything`;
  return `${task} was cancelled${whole ? " before it printed anything" : "; its worker has not sent yet what it printed"}`;
}

const arrays = z.object({
  array: z.object({ start: z.int().default(0), step: z.int().default(1), count: z.int() }).optional(),
});

/** The tasks that are meant, by their own numbers: those selected, else all. */
async function indexesIn({ client }: Server, { id, from, to }: Selection): Promise<number[]> {
  if (from !== undefined && from === to) return [from];
  const { spec } = await client.show({ id });
  const { start, step, count } = arrays.parse(spec).array ?? { start: 0, step: 1, count: 1 };
  const all = Array.from({ length: count }, (_, at) => start + step * at);
  const meant = from === undefined ? all : all.filter((index) => index >= from && index <= (to ?? index));
  if (meant.length === 0) throw new RendtError("not_found", `job ${id} has no task from ${from} to ${to}`);
  return meant;
}
