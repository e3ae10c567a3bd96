import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { readLog } from "../../sdk/read-log.ts";
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
  for (const index of await indexesIn(server, selection)) {
    const frames = readLog(server, { id: selection.id, index, try: options.try, follow, onBegin });
    for await (const frame of frames) await print.add(frame);
  }
  await print.end();
  return 0;
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
