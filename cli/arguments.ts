import { readFileSync } from "node:fs";
import { usage } from "./failure.ts";

/**
 * Refuses arguments that are no UTF-8. Node puts U+FFFD where bytes can't be read, so that another argument than the typed one would
 * arrive; Linux shows the bytes as they were. Elsewhere the character itself is refused.
 */
export function assertUtf8Arguments(args: readonly string[]): void {
  const suspects = args.filter((word) => word.includes("\ufffd"));
  if (suspects.length === 0 || (process.platform === "linux" && isUtf8(readFileSync("/proc/self/cmdline")))) return;
  throw usage(
    suspects.map((word) => `the argument ${JSON.stringify(word)} is not valid UTF-8`),
    "rename the file, or pass such bytes in an input file",
  );
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
