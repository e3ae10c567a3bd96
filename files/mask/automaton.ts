/** Finds many patterns in one pass over bytes that may be cut anywhere (Aho and Corasick, 1975): a step per byte, whatever the bytes are. */
export type Automaton = {
  /** The state after one more byte; 0 is the first, in which nothing has begun. */
  step(state: number, byte: number): number;
  /** How many of the last bytes may be the beginning of a pattern. */
  depthOf(state: number): number;
  /** Length of the longest pattern that ends here; 0 when none does. */
  matchOf(state: number): number;
  /** Whether a pattern begins with this byte and the next one: passes over nearly all of an ordinary text. */
  begins(byte: number, next: number | undefined): boolean;
};

/** Edges stand in one hash table of numbers: a table per state would cost a KiB for each byte of each pattern. */
export function createAutomaton(patterns: readonly Uint8Array[]): Automaton {
  const most = patterns.reduce((sum, { length }) => sum + length, 1);
  const bits = Math.max(4, Math.ceil(Math.log2(most * 2)));
  const keys = new Int32Array(2 ** bits);
  const values = new Int32Array(2 ** bits);
  const parents = new Int32Array(most);
  const bytes = new Uint8Array(most);
  const depths = new Int32Array(most);
  const matches = new Int32Array(most);
  const fails = new Int32Array(most);
  let states = 1;

  /** Where the edge stands, or would. A key is never 0, which marks a free place. */
  function placeOf(key: number): number {
    let place = Math.imul(key, 0x9e3779b1) >>> (32 - bits);
    while (keys[place] !== 0 && keys[place] !== key) place = (place + 1) & (keys.length - 1);
    return place;
  }

  /** 0 when there is no such edge: none leads back to the first state. */
  const edge = (state: number, byte: number): number => values[placeOf(state * 256 + byte + 1)] ?? 0;

  function step(state: number, byte: number): number {
    for (let at = state; ; at = fails[at] ?? 0) {
      const next = edge(at, byte);
      if (next !== 0 || at === 0) return next;
    }
  }

  function add(pattern: Uint8Array): void {
    let state = 0;
    for (const byte of pattern) {
      let next = edge(state, byte);
      if (next === 0) {
        next = states++;
        const key = state * 256 + byte + 1;
        const place = placeOf(key);
        keys[place] = key;
        values[place] = next;
        parents[next] = state;
        bytes[next] = byte;
        depths[next] = (depths[state] ?? 0) + 1;
      }
      state = next;
    }
    matches[state] = pattern.length;
  }

  for (const pattern of patterns) add(pattern);
  // A state falls back on a shorter one, which has to be finished before it.
  const byDepth = Int32Array.from({ length: states - 1 }, (_, at) => at + 1).sort(
    (a, b) => (depths[a] ?? 0) - (depths[b] ?? 0),
  );
  for (const state of byDepth) {
    const parent = parents[state] ?? 0;
    const fail = parent === 0 ? 0 : step(fails[parent] ?? 0, bytes[state] ?? 0);
    fails[state] = fail;
    matches[state] = Math.max(matches[state] ?? 0, matches[fail] ?? 0);
  }
  const first = new Uint8Array(256);
  const pairs = new Uint8Array(256 * 256);
  for (const [byte = 0, next] of patterns) {
    first[byte] = 1;
    if (next === undefined) pairs.fill(1, byte * 256, byte * 256 + 256);
    else pairs[byte * 256 + next] = 1;
  }

  return {
    step,
    depthOf: (state) => depths[state] ?? 0,
    matchOf: (state) => matches[state] ?? 0,
    begins: (byte, next) => (next === undefined ? first[byte] : pairs[byte * 256 + next]) === 1,
  };
}
