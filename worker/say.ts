const UNITS = ["", " KiB", " MiB", " GiB", " TiB"] as const;

/** `512 MiB`, `1.5 GiB` */
export function sayBytes(bytes: number): string {
  let value = bytes;
  for (const unit of UNITS) {
    if (value < 1024 || unit === " TiB") return `${Number(value.toFixed(1))}${unit || " bytes"}`;
    value /= 1024;
  }
  return String(bytes);
}

const TIMES = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;

/** `0.3 s`, `90 s`, `10 min`, `2 h`: in the largest unit that leaves no rest. */
export function sayTime(ms: number): string {
  const [unitMs, name] = TIMES.find(([unit]) => ms > 0 && ms % unit === 0) ?? [1000, "s"];
  return `${ms / unitMs} ${name}`;
}
