/** A glob of paths. Matching takes steps in proportion to glob × path, whoever wrote them: as a regular expression one can take years. */
export type Glob = {
  matches(path: string): boolean;
  /** Whether something below this folder may match. */
  mayLieIn(folder: string): boolean;
};

/** `{a,b}{c,d}` is four; a handful of braces would be thousands. */
const MAX_ALTERNATIVES = 64;

/**
 * Reads a glob as shells do: `*` and `?` stay within a name and leave alone a dot at its beginning, `[a-z]` and `[!a-z]` are one character,
 * `**` is any folders, `{a,b}` is both, and a backslash takes the next character as it is. Undefined when it stands for too many.
 */
export function readGlob(text: string): Glob | undefined {
  const alternatives = expandBraces(text)?.map((path) => path.split("/").map(readSegment));
  return (
    alternatives && {
      matches: (path) => alternatives.some((segments) => fits(segments, path.split("/"))),
      mayLieIn(folder) {
        const names = folder.split("/");
        return alternatives.some((segments) => [...follow(segments, names)].some((at) => at < segments.length));
      },
    }
  );
}

/** Reads a glob of plain text, in which only `*` and `?` are special. */
export function readTextGlob(text: string): (value: string) => boolean {
  const steps = [...text].map((char) => (char === "*" ? MANY : char === "?" ? ONE : exactly(char)));
  return (value) => fits(steps, [...value]);
}

/** Whether a text is more than the path that it spells. */
export const isGlob = (text: string): boolean => text.split("/").some(isMagic);

/** Cuts off the folders that a glob names outright. */
export function splitBase(text: string): { base: string; glob: string } {
  const segments = text.split("/");
  const first = segments.findIndex((segment, at) => isMagic(segment) || at === segments.length - 1);
  const base = segments.slice(0, first).join("/").replaceAll(/\\(.)/g, "$1");
  return { base: base === "" && text.startsWith("/") ? "/" : base, glob: segments.slice(first).join("/") };
}

const isMagic = (segment: string): boolean => /[*?{}]|\[.+\]/.test(segment.replaceAll(/\\./g, ""));

/** One thing that is asked of one item, or (`many`) of as many as there are. */
type Step<T> = { takes(item: T): boolean; many?: true };

const ONE: Step<string> = { takes: () => true };
const MANY: Step<string> = { takes: () => true, many: true };
const exactly = (char: string): Step<string> => ({ takes: (found) => found === char });
const FOLDERS: Step<string> = { takes: (name) => !name.startsWith("."), many: true };

/** Which steps may come next once all items are taken; the number behind the last says that they fit. */
function follow<T>(steps: readonly Step<T>[], items: readonly T[]): ReadonlySet<number> {
  let now = new Set<number>();
  const reach = (to: Set<number>, at: number) => {
    to.add(at);
    // Of many there may be none.
    for (let next = at; steps[next]?.many; next += 1) to.add(next + 1);
  };
  reach(now, 0);
  for (const item of items) {
    const before = now;
    now = new Set();
    for (const at of before) if (steps[at]?.takes(item)) reach(now, steps[at].many ? at : at + 1);
    if (now.size === 0) break;
  }
  return now;
}

const fits = <T>(steps: readonly Step<T>[], items: readonly T[]): boolean => follow(steps, items).has(steps.length);

function readSegment(text: string): Step<string> {
  if (/^\*\*+$/.test(text)) return FOLDERS;
  const steps: Step<string>[] = [];
  const showsHidden = /^\\?\./.test(text);
  for (let at = 0; at < text.length; ) {
    const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
    const set = char === "[" ? /^\[([!^]?)(\]?(?:\\.|[^\]\\])*)\]/su.exec(text.slice(at)) : null;
    const [whole, negated, members = ""] = set ?? [];
    const literal = char === "\\" && at + 1 < text.length ? String.fromCodePoint(text.codePointAt(at + 1) ?? 0) : char;
    if (char === "*") {
      if (steps.at(-1) !== MANY) steps.push(MANY);
    } else if (char === "?") steps.push(ONE);
    else if (whole !== undefined && members !== "") steps.push(oneOf(members, negated !== ""));
    else steps.push(exactly(literal));
    at += whole !== undefined && members !== "" ? whole.length : literal === char ? char.length : 1 + literal.length;
  }
  return { takes: (name) => (showsHidden || !name.startsWith(".")) && fits(steps, [...name]) };
}

/** The inside of `[a-z_]`. */
function oneOf(members: string, negated: boolean): Step<string> {
  const ranges = [...members.matchAll(/(\\?.)(?:-(\\?.))?/gsu)].map(([, from = "", to = from]) =>
    [from, to].map((char) => char.replace(/^\\(?=.)/s, "").codePointAt(0) ?? 0),
  );
  return {
    takes(char) {
      const code = char.codePointAt(0) ?? 0;
      return ranges.some(([from = 0, to = 0]) => from <= code && code <= to) !== negated;
    },
  };
}

/** All texts that the braces of a text stand for. One without a comma, or without its end, is itself. */
function expandBraces(text: string): string[] | undefined {
  const done: string[] = [];
  for (const open: { text: string; from: number }[] = [{ text, from: 0 }]; open.length > 0; ) {
    const { text: next, from } = open.pop() ?? { text: "", from: 0 };
    const brace = findBraces(next, from);
    if (!brace) done.push(next);
    else {
      const [before, after] = [next.slice(0, brace.from), next.slice(brace.upTo)];
      for (const part of brace.parts) open.push({ text: before + part + after, from: brace.from });
    }
    if (done.length + open.length > MAX_ALTERNATIVES) return undefined;
  }
  return done;
}

type Braces = { from: number; upTo: number; parts: string[] };

/** The first braces at or behind `start` that hold a comma of their own. */
function findBraces(text: string, start: number): Braces | undefined {
  const open: { from: number; cuts: number[] }[] = [];
  let found: Braces | undefined;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\\") at += 1;
    else if (char === "{") open.push({ from: at, cuts: [at] });
    else if (char === ",") open.at(-1)?.cuts.push(at);
    else if (char === "}") {
      const { from, cuts } = open.pop() ?? { from: 0, cuts: [] };
      if (cuts.length < 2 || (found && found.from < from)) continue;
      const ends = [...cuts.slice(1), at];
      found = { from, upTo: at + 1, parts: cuts.map((cut, part) => text.slice(cut + 1, ends[part])) };
    }
    // Inner ones are taken up when the outer ones are open.
    if (found && open.length === 0) return found;
  }
  return found;
}
