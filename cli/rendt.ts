#!/usr/bin/env node
import { writeSync } from "node:fs";

// Nothing else is loaded for this answer: process.stdout alone would cost a few ms.
if (process.argv[2] === "--version") {
  writeSync(1, `${RENDT_VERSION}\n`);
} else {
  const [{ main }, { COMMANDS }] = await Promise.all([import("./main.ts"), import("./commands.ts")]);
  process.exit(await main(process.argv.slice(2), COMMANDS));
}
