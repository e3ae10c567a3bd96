import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createAutomaton } from "../../../files/mask/automaton.ts";

/** Few letters, so that patterns begin alike, lie in one another and repeat themselves. */
const word = fc
  .array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 })
  .map((bytes) => Buffer.from(bytes));

it("knows at each byte the longest pattern that ends there and the longest beginning of one, as who compares all of them", () => {
  void fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.array(word), (patterns, words) => {
      const { step, depthOf, matchOf, begins } = createAutomaton(patterns);
      const text = Buffer.concat(words);
      const longest = (lengths: readonly number[]) => Math.max(0, ...lengths);
      let state = 0;
      for (const [at, byte] of text.entries()) {
        state = step(state, byte);
        const until = text.subarray(0, at + 1);
        const endsWith = (part: Buffer) => part.equals(until.subarray(Math.max(0, until.length - part.length)));
        const ends = patterns.filter(endsWith).map(({ length }) => length);
        const beginnings = patterns.flatMap((pattern) => [...pattern].map((_, last) => pattern.subarray(0, last + 1)));
        const begun = beginnings.filter(endsWith).map(({ length }) => length);
        expect([matchOf(state), depthOf(state)]).toEqual([longest(ends), longest(begun)]);
        const next = text[at + 1];
        const mayBegin = patterns.some(
          ([first, second = next]) => first === byte && (next === undefined || second === next),
        );
        expect(begins(byte, next)).toBe(mayBegin);
      }
    }),
    { numRuns: 500 },
  );
});
