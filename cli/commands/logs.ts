import type { LogFrame } from "../../contract/log-frames.ts";
import { readLog } from "../../sdk/read-log.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { createLogPrinter } from "../log-printer.ts";
import { selectOne } from "../selector.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { follow = false, tail } = options;
  const server = reach(call, "submitter", follow ? "patient" : "brief");
  const { id, from, to } = await selectOne(server.client, words);
  if (from !== to) throw usage("logs are printed one task at a time", `rendt logs ${id}.${from}`);
  const print = createLogPrinter(terminal, {
    streams: options.stdout === options.stderr ? ["stdout", "stderr"] : [options.stdout ? "stdout" : "stderr"],
    timestamps: options.timestamps,
    json: options.json,
    tail,
  });
  const frames = readLog(server, { id, index: from, try: options.try, follow });
  for await (const frame of frames as AsyncIterable<LogFrame>) await print.add(frame);
  await print.end();
  return 0;
}
