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
mkdir out && cp in.bin out/copy.bin && yes "$NUMBER" | head -c "$LARGE" > out/large.bin && echo "$NUMBER" > out/small.txt || exit 1
sleep "$REST"
[ -z "$GATE" ] || until test -e "$GATE"; do sleep 0.02; done
`;

export type TaskOptions = {
  folder: string;
  restMs: number;
  /** A file without which the task does not end. */
  gate?: string;
  largeBytes?: number;
  inputBytes?: number;
};

/** Makes its input in `folder`, below which any user may write to the tally. */
export function makeTask(number: number, options: TaskOptions): Task {
  const {
    folder,
    restMs,
    gate = "",
    largeBytes = LARGE_BYTES,
    inputBytes = INPUT_BYTES[number % INPUT_BYTES.length] ?? 0,
  } = options;
  const input = join(folder, `${number}.bin`);
  const bytes = randomBytes(inputBytes);
  writeFileSync(input, bytes);
  const tally = join(folder, `${number}.tally`);
  writeFileSync(tally, "");
  chmodSync(tally, 0o666);
  return {
    spec: {
      command: ["/bin/sh", "-c", SCRIPT],
      env: {
        TALLY: tally,
        NUMBER: String(number),
        REST: (restMs / 1000).toFixed(3),
        GATE: gate,
        LARGE: String(largeBytes),
      },
      inputs: [{ path: input, as: "in.bin" }],
      outputs: ["out"],
      // Each of its workers may be killed: that is no fault of the job.
      crashLimit: 1000,
    },
    expected: {
      "out/copy.bin": sha256(bytes),
      "out/large.bin": sha256(`${number}\n`.repeat(largeBytes / 2).slice(0, largeBytes)),
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
