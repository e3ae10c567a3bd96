import type { Terminal } from "./terminal.ts";
import { formatDuration, formatSize } from "./units.ts";

export type Progress = { add(bytes: number): void; end(): void };

const FIRST_AFTER_MS = 2000;
const EACH_MS = 200;

/** One line that tells how far a transfer is, rewritten in place; only where a person sees it, and only when it takes over 2 s. */
export function showProgress(verb: string, { talkSeen }: Pick<Terminal, "talkSeen">, totalBytes?: number): Progress {
  const began = performance.now();
  let moved = 0;
  let shownAt = 0;
  return {
    add(bytes) {
      moved += bytes;
      const now = performance.now();
      if (!talkSeen || now - began < FIRST_AFTER_MS || now - shownAt < EACH_MS) return;
      shownAt = now;
      process.stderr.write(`\r\u001b[2K${verb} ${progressLine({ moved, totalBytes, ms: now - began })}`);
    },
    end() {
      if (shownAt > 0) process.stderr.write("\r\u001b[2K");
      shownAt = 0;
    },
  };
}

/** `1.2G of 4.0G (30%), 210M/s, 14s left` */
export function progressLine({
  moved,
  totalBytes,
  ms,
}: {
  moved: number;
  totalBytes: number | undefined;
  ms: number;
}): string {
  const rate = `${formatSize((moved / ms) * 1000)}/s`;
  if (!totalBytes) return `${formatSize(moved)}, ${rate}`;
  const share = Math.min(100, Math.floor((moved / totalBytes) * 100));
  const left = moved > 0 ? `, ${formatDuration(((totalBytes - moved) / moved) * ms)} left` : "";
  return `${formatSize(moved)} of ${formatSize(totalBytes)} (${share}%), ${rate}${left}`;
}
