import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../sdk/order.ts";

/** A job that is told apart from all others by what it reads and writes, and that counts its own runs where no server sees it. */
export type Task = { spec: Spec; expected: Record<string, string>; tally: string };

const LARGE_BYTES = 150_000;
const INPUT_BYTES = [40, 3000, 100_000];

const SCRIPT = `
echo began >> "$TALLY"
mkdir out && cp in.bin out/copy.bin && yes "$NUMBER" | head -c ${LARGE_BYTES} > out/large.bin && echo "$NUMBER" > out/small.txt || exit 1
sleep "$REST"
`;

/** Makes its input in `folder`, below which any user may write to the tally. */
export function makeTask(number: number, { folder, restMs }: { folder: string; restMs: number }): Task {
  const input = join(folder, `${number}.bin`);
  const bytes = randomBytes(INPUT_BYTES[number % INPUT_BYTES.length] ?? 0);
  writeFileSync(input, bytes);
  const tally = join(folder, `${number}.tally`);
  writeFileSync(tally, "");
  chmodSync(tally, 0o666);
  return {
    spec: {
      command: ["/bin/sh", "-c", SCRIPT],
      env: { TALLY: tally, NUMBER: String(number), REST: (restMs / 1000).toFixed(3) },
      inputs: [{ path: input, as: "in.bin" }],
      outputs: ["out"],
      // Each of its workers may be killed: that is no fault of the job.
      crashLimit: 1000,
    },
    expected: {
      "out/copy.bin": sha256(bytes),
      "out/large.bin": sha256(`${number}\n`.repeat(LARGE_BYTES).slice(0, LARGE_BYTES)),
      "out/small.txt": sha256(`${number}\n`),
    },
    tally,
  };
}

export const realRuns = ({ tally }: Task): number => readFileSync(tally, "utf8").split("\n").length - 1;

/** What is wrong with the files that came back, if anything. */
export function wrongFiles({ expected }: Task, folder: string): string[] {
  return Object.entries(expected).flatMap(([path, hash]) => {
    const file = join(folder, path);
    if (!existsSync(file)) return [`${path} is missing`];
    return sha256(readFileSync(file)) === hash ? [] : [`${path} has other bytes`];
  });
}

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
