import { MIN_SECRET_BYTES } from "../../contract/limits.ts";
import { type Automaton, createAutomaton } from "./automaton.ts";
import { patternsOf } from "./patterns.ts";

/** What stands in the place of a secret. */
const MASK = "***";
const MASK_BYTES = Buffer.from(MASK);
const NOTHING = Buffer.alloc(0);

/** Takes secrets out of what a job prints and of what is said about it. */
export type Masker = {
  stream(): MaskStream;
  text(text: string): string;
};

/**
 * Bytes that come in pieces. What may be the beginning of a secret is kept back until it is clear what it is: never more than one pattern,
 * and nothing at all while the text looks like none.
 */
export type MaskStream = {
  /** What is clear now, without the secrets in it. */
  push(chunk: Buffer): Buffer;
  /**
   * Nothing came for a while: lets go of what is too short to tell anything, so that a prompt is seen. What goes on as a secret later is
   * masked from there on; so nobody who writes slowly gets more than the first few bytes out.
   */
  pause(): Buffer;
  /** What is left. The beginning of a secret that was cut off counts as one. */
  end(): Buffer;
  /** Bytes that are kept back. */
  readonly waiting: number;
};

/** Undefined when there is nothing to hide. What it looks for is laid out when first asked: most leases that come at once wait for a slot. */
export function createMasker(secrets: Readonly<Record<string, string>> = {}): Masker | undefined {
  const values = Object.values(secrets);
  if (values.length === 0) return undefined;
  let automata: Automata | undefined;
  const stream = () => {
    automata ??= automataOf(values);
    return createMaskStream(automata);
  };
  return {
    stream,
    text(whole) {
      const masked = stream();
      return Buffer.concat([masked.push(Buffer.from(whole)), masked.end()]).toString();
    },
  };
}

type Automata = { text: Automaton; base64: Automaton };

function automataOf(values: readonly string[]): Automata {
  const { text, base64 } = patternsOf(values);
  return { text: createAutomaton(text), base64: createAutomaton(base64) };
}

/** Names without values, for those who know the values. */
export const hidden = (secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(secrets).map((name) => [name, MASK]));

/** A masked stretch, in bytes of what is looked at; `to` is not included. */
type Mark = { from: number; to: number };

function createMaskStream({ text, base64 }: Automata): MaskStream {
  const finders = [createTextFinder(text), createBase64Finder(base64)];
  let kept: Buffer = NOTHING;
  /** How much of a secret the last bytes may be, those included that were let go already. */
  let depth = 0;
  let marks: Mark[] = [];
  /** The last thing let go was a mask: what is masked right behind it belongs to it. */
  let masking = false;

  /** Hands out the first `upTo` bytes of what is looked at, and keeps the rest. */
  function release(all: Buffer, upTo: number): Buffer {
    const clear: Buffer[] = [];
    let at = 0;
    for (const { from, to } of merged(marks)) {
      if (from >= upTo) break;
      if (from > at) clear.push(all.subarray(at, from));
      if (from > at || !masking) clear.push(MASK_BYTES);
      masking = true;
      at = Math.min(to, upTo);
    }
    if (at < upTo) {
      clear.push(all.subarray(at, upTo));
      masking = false;
    }
    marks = marks.flatMap(({ from, to }) => (to > upTo ? [{ from: Math.max(0, from - upTo), to: to - upTo }] : []));
    // A copy, because the caller may use its buffer again.
    kept = upTo === all.length ? NOTHING : Buffer.from(all.subarray(upTo));
    const [only = NOTHING, ...more] = clear;
    return more.length === 0 ? only : Buffer.concat(clear);
  }

  return {
    get waiting() {
      return kept.length;
    },
    push(chunk) {
      const all = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      const found = finders.map((find) => find(all, kept.length, marks));
      depth = Math.max(...found.map((end) => end.depth));
      return release(all, Math.min(...found.map((end) => end.clear)));
    },
    pause: () => (depth < MIN_SECRET_BYTES ? release(kept, kept.length) : NOTHING),
    end() {
      if (depth >= MIN_SECRET_BYTES && kept.length > 0) marks.push({ from: 0, to: kept.length });
      return release(kept, kept.length);
    },
  };
}

/** In order, and joined where they touch. */
function merged(marks: readonly Mark[]): Mark[] {
  const joined: Mark[] = [];
  for (const mark of [...marks].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && mark.from <= last.to) last.to = Math.max(last.to, mark.to);
    else joined.push({ ...mark });
  }
  return joined;
}

/** Marks what it finds in the bytes from `begin` on; answers up to where nothing more can be found, and how much of a pattern has begun there. */
type Finder = (all: Buffer, begin: number, marks: Mark[]) => { clear: number; depth: number };

function createTextFinder(automaton: Automaton): Finder {
  let state = 0;
  return (all, begin, marks) => {
    for (let at = begin; at < all.length; at++) {
      const byte = all[at] ?? 0;
      if (state === 0 && !automaton.begins(byte, all[at + 1])) continue;
      state = automaton.step(state, byte);
      const length = automaton.matchOf(state);
      if (length > 0) mark(marks, at + 1 - length, at + 1);
    }
    const depth = automaton.depthOf(state);
    return { clear: Math.max(0, all.length - depth), depth };
  };
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const isBreak = (byte: number | undefined): boolean => byte === NEWLINE || byte === RETURN;

/** `base64` breaks lines after 76 digits: one line break (of one or two bytes) is passed over. */
function createBase64Finder(automaton: Automaton): Finder {
  let state = 0;
  let breaks = 0;
  return (all, begin, marks) => {
    for (let at = begin; at < all.length; at++) {
      const byte = all[at] ?? 0;
      if (state === 0) {
        const next = all[at + 1];
        if (!automaton.begins(byte, isBreak(next) ? undefined : next)) continue;
      }
      if (isBreak(byte)) {
        if (++breaks > 2) state = 0;
        continue;
      }
      breaks = 0;
      state = automaton.step(state, byte);
      const length = automaton.matchOf(state);
      if (length > 0) mark(marks, beginOf(all, at + 1, length), at + 1);
    }
    const depth = automaton.depthOf(state);
    return { clear: beginOf(all, all.length, depth), depth };
  };
}

/** Where the last `digits` bytes before `end` that are no line breaks begin. */
function beginOf(all: Buffer, end: number, digits: number): number {
  let at = end;
  for (let left = digits; left > 0 && at > 0; ) if (!isBreak(all[--at])) left--;
  return at;
}

/** What was let go already can't be masked any more. Marks that follow each other at every byte are kept as one. */
function mark(marks: Mark[], from: number, to: number): void {
  const last = marks.at(-1);
  if (last && from <= last.to && from >= last.from && to >= last.to) last.to = to;
  else marks.push({ from: Math.max(0, from), to });
}
