// What `rendt --version` takes beside Node's own start.
// node --import ./scripts/ts.mjs bench/start-up.ts [ROUNDS]
import { createReport } from "./support/emit.ts";
import { median } from "./support/numbers.ts";
import { builtProgram, runToEnd } from "./support/process.ts";
import { interleave, seconds } from "./support/rounds.ts";

const [rounds = 30] = process.argv.slice(2).map(Number);
const report = createReport("start-up");
const program = builtProgram();
const time = async (command: [string, ...string[]]) => 1000 * (await seconds(() => runToEnd(command)));

const took = await interleave(rounds, {
  version: () => time([process.execPath, program, "--version"]),
  help: () => time([process.execPath, program, "--help"]),
  node: () => time([process.execPath, "-e", "0"]),
});
const over = (ours: number[]) => median(ours.map((ms, round) => ms - (took.node[round] ?? 0)));
const peer = { "node -e 0": median(took.node) };
report({ figure: "rendt --version", value: median(took.version), unit: "ms", peer, rounds });
report({ figure: "over node -e 0", value: over(took.version), unit: "ms", bar: { atMost: 20 } });
report({ figure: "rendt --help over node -e 0", value: over(took.help), unit: "ms" });
