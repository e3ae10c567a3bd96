import { gunzipSync } from "node:zlib";
import { createFrameDecoder, type LogStream } from "../../contract/log-frames.ts";
import type { TaskResult } from "../../contract/result.ts";

/** What a task printed, as far as its result holds it itself. */
export function textOf({ log }: TaskResult, stream?: LogStream): string {
  if (log?.data === undefined) throw new Error("the result holds no log");
  const frames = createFrameDecoder().push(gunzipSync(Buffer.from(log.data, "base64")));
  const chosen = frames.filter((frame) => stream === undefined || frame.stream === stream);
  return Buffer.concat(chosen.map(({ bytes }) => bytes)).toString("utf8");
}
