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

/**
 * The patterns of 16 KiB of secrets have some 300,000 states: so most edges take no room (they lead to the state with the next number), and
 * what a state falls back on is found when somebody gets there, which few ever do.
 */
export function createAutomaton(patterns: readonly Uint8Array[]): Automaton {
  const most = patterns.reduce((sum, { length }) => sum + length, 1);
  const parents = new Int32Array(most);
  const bytes = new Uint8Array(most);
  const depths = new Int32Array(most);
  const matches = new Int32Array(most);
  /** One more than the state fallen back on; 0 while that is not known. */
  const falls = new Int32Array(most);
  const forks = createForks(patterns.length);
  let states = 1;

  /** 0 when there is no such edge: none leads back to the first state. */
  function edge(state: number, byte: number): number {
    const next = state + 1;
    return next < states && parents[next] === state && bytes[next] === byte ? next : forks.find(state, byte);
  }

  function step(state: number, byte: number): number {
    for (let at = state; ; at = fallOf(at)) {
      const next = edge(at, byte);
      if (next !== 0 || at === 0) return next;
    }
  }

  function fallOf(state: number): number {
    const known = falls[state] ?? 0;
    if (known !== 0) return known - 1;
    const parent = parents[state] ?? 0;
    const fall = parent === 0 ? 0 : step(fallOf(parent), bytes[state] ?? 0);
    falls[state] = fall + 1;
    matches[state] = Math.max(matches[state] ?? 0, matchOf(fall));
    return fall;
  }

  function matchOf(state: number): number {
    if (state === 0) return 0;
    fallOf(state);
    return matches[state] ?? 0;
  }

  function add(pattern: Uint8Array): void {
    let state = 0;
    for (const byte of pattern) {
      let next = edge(state, byte);
      if (next === 0) {
        next = states++;
        parents[next] = state;
        bytes[next] = byte;
        depths[next] = (depths[state] ?? 0) + 1;
        if (next !== state + 1) forks.add(state, byte, next);
      }
      state = next;
    }
    matches[state] = pattern.length;
  }

  for (const pattern of patterns) add(pattern);
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
    matchOf,
    begins: (byte, next) => (next === undefined ? first[byte] : pairs[byte * 256 + next]) === 1,
  };
}

/** Edges that lead elsewhere than to the next state, in a hash table of numbers: at most one for each pattern. */
function createForks(most: number) {
  const bits = Math.max(4, Math.ceil(Math.log2((most + 1) * 2)));
  const keys = new Int32Array(2 ** bits);
  const states = new Int32Array(2 ** bits);

  /** Where the edge stands, or would. A key is never 0, which marks a free place. */
  function placeOf(key: number): number {
    let place = Math.imul(key, 0x9e3779b1) >>> (32 - bits);
    while (keys[place] !== 0 && keys[place] !== key) place = (place + 1) & (keys.length - 1);
    return place;
  }
  const keyOf = (state: number, byte: number): number => state * 256 + byte + 1;

  return {
    find: (state: number, byte: number): number => states[placeOf(keyOf(state, byte))] ?? 0,
    add(state: number, byte: number, next: number): void {
      const place = placeOf(keyOf(state, byte));
      keys[place] = keyOf(state, byte);
      states[place] = next;
    },
  };
}
