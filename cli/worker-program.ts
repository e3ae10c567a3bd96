import { writeSync } from "node:fs";
import { PROTOCOL_VERSION } from "../contract/limits.ts";
import { main } from "./main.ts";
import { WORKER_START } from "./worker-start.ts";

// The worker alone, bundled into one file: what `rendt publish` offers. Asked for `build` it says what it is.
if (process.argv[2] === "build") {
  writeSync(1, `${JSON.stringify({ version: RENDT_VERSION, protocol: PROTOCOL_VERSION })}\n`);
} else {
  process.exit(await main(process.argv.slice(2), [WORKER_START]));
}
