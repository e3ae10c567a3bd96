const DURATION_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_BYTES = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;

/** Reads `90s`, `10m`, `1h30m`, `0.5s`; a bare number is seconds, as in sleep(1). Undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g);
  const ms = [...parts].reduce((sum, [, number, unit]) => {
    return sum + Number(number) * DURATION_MS[unit as keyof typeof DURATION_MS];
  }, 0);
  return Math.round(ms);
}

/** Reads `512`, `512B`, `64K`, `1.5G` (powers of 1024); undefined when it is none of these. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?|B)$/i.exec(text);
  if (!match) return undefined;
  const unit = match[2]?.toUpperCase() ?? "";
  const bytes = Number(match[1]) * (unit in SIZE_BYTES ? SIZE_BYTES[unit as keyof typeof SIZE_BYTES] : 1);
  return Number.isInteger(bytes) ? bytes : Math.round(bytes);
}

/** `820 ms`, `12.3s`, `4m 5s`, `2h 3m`, `3d 4h`: two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(seconds, 60, "m", 1, "s");
  if (seconds < 86_400) return pair(seconds, 3600, "h", 60, "m");
  return pair(seconds, 86_400, "d", 3600, "h");
}

function pair(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeName}${rest > 0 ? ` ${rest}${smallName}` : ""}`;
}

/** `812B`, `1.4K`, `23M`: what `parseSize` reads. */
export function formatSize(bytes: number): string {
  let value = bytes;
  for (const unit of ["", "K", "M", "G"]) {
    if (value < 999.5 || (unit === "" && value < 1024)) return short(value, unit);
    value /= 1024;
  }
  return short(value, "T");
}

const short = (value: number, unit: string): string =>
  unit === "" ? `${value}B` : `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${unit}`;

/** `1 file`, `3 files` */
export const countFiles = (count: number): string => `${count} ${count === 1 ? "file" : "files"}`;

/** A time of day as `12s ago` when near, else as a date. */
export function formatAgo(at: number, now: number): string {
  const ms = now - at;
  if (ms < 0) return `in ${formatDuration(-ms)}`;
  if (ms < 7 * 86_400_000)
    return `${formatDuration(Math.max(1000, Math.floor(ms / 1000) * 1000)).replace(".0s", "s")} ago`;
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}
