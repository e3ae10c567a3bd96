/** Whether one version comes after another, as semantic versioning orders them (semver.org §11). */
export function isNewer(a: string, than: string): boolean {
  const [[coreA, preA], [coreB, preB]] = [split(a), split(than)];
  const order = compareAll(coreA, coreB);
  if (order !== 0) return order > 0;
  if (preA.length === 0 || preB.length === 0) return preA.length === 0 && preB.length > 0;
  return compareAll(preA, preB) > 0;
}

function split(version: string): [string[], string[]] {
  const [plain = ""] = version.split("+");
  const cut = plain.indexOf("-");
  return cut < 0 ? [plain.split("."), []] : [plain.slice(0, cut).split("."), plain.slice(cut + 1).split(".")];
}

function compareAll(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const order = compare(a[at], b[at]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers come before words; what is missing before anything. */
function compare(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined);
  const [isNumber, other] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && other) return Math.sign(Number(a) - Number(b));
  if (isNumber !== other) return isNumber ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}
