import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isGlob, readGlob, readTextGlob, splitBase } from "../../contract/glob.ts";

const glob = (text: string) => readGlob(text) ?? { matches: () => false, mayLieIn: () => false };

describe("a glob of paths", () => {
  it.each<[string, string[], string[]]>([
    ["a.txt", ["a.txt"], ["b.txt", "a_txt", "a.txt/b"]],
    ["*", ["a", "a.b"], [".a", "a/b"]],
    ["*.csv", ["a.csv", "a.b.csv"], [".csv", "a.csv.gz", "d/a.csv"]],
    [".*", [".a"], ["a"]],
    ["\\.*", [".a"], ["a"]],
    ["a?c", ["abc", "a😀c"], ["ac", "a/c", "abbc"]],
    ["?a", ["ba"], [".a"]],
    ["out/*", ["out/a"], ["out", "out/a/b", "out/.a", "in/a"]],
    ["out/**", ["out", "out/a", "out/a/b"], ["outer", "out/.a/b"]],
    ["**/x", ["x", "a/x", "a/b/x"], ["a/xx", ".a/x"]],
    ["a/**/b/*.c", ["a/b/x.c", "a/1/2/b/x.c", "a/b/b/x.c"], ["a/b/x.d", "a/x.c"]],
    ["a**c", ["ac", "abc"], ["a/c"]],
    ["[abc]x", ["ax"], ["dx"]],
    ["[a-c0]", ["b", "0"], ["d", "-"]],
    ["[!a-c]", ["d", "]"], ["a"]],
    ["[^a]", ["b"], ["a"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[a\\]]", ["a", "]"], ["\\"]],
    ["[a", ["[a"], ["a"]],
    ["[]", ["[]"], ["a"]],
    ["{a,b}.txt", ["a.txt", "b.txt"], ["c.txt", "{a,b}.txt"]],
    ["{a,b{c,d}}/*", ["a/x", "bc/x", "bd/x"], ["b/x", "x"]],
    ["{a/b,c}", ["a/b", "c"], ["a", "b"]],
    ["{a}", ["{a}"], ["a"]],
    ["{a,b", ["{a,b"], ["a"]],
    ["a}", ["a}"], []],
    ["{a\\,b,c}", ["a,b", "c"], ["b"]],
    ["\\*", ["*"], ["a"]],
    ["a\\", ["a\\"], ["a"]],
    ["(a|b)+", ["(a|b)+"], ["a", "aa"]],
    ["!a", ["!a"], ["b"]],
    ["été*", ["été", "été2"], ["ete"]],
  ])("%s", (text, fitting, others) => {
    const { matches } = glob(text);
    expect(fitting.filter((path) => !matches(path))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  it("says which folders are worth a look", () => {
    const { mayLieIn } = glob("a/{b,c}/**/x*");
    expect(["a", "a/b", "a/c", "a/b/1", "a/b/1/2"].filter((path) => !mayLieIn(path))).toEqual([]);
    expect(["b", "a/d", "a/d/b", "a/b/.git"].filter(mayLieIn)).toEqual([]);
    expect(glob("*.csv").mayLieIn("a")).toBe(false);
  });

  it("lies in every folder above what it matches", () => {
    const name = fc.stringMatching(/^[ab]{1,3}$/);
    const part = fc.stringMatching(/^([ab?*]{1,3}|\*\*|\{a,b\}|[ab]\[ab\])$/);
    const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(some(name), some(part), (names, parts) => {
        const { matches, mayLieIn } = glob(parts.join("/"));
        if (!matches(names.join("/"))) return;
        for (let depth = 1; depth < names.length; depth += 1)
          expect(mayLieIn(names.slice(0, depth).join("/"))).toBe(true);
      }),
    );
  });

  it("takes no longer for those who mean harm", () => {
    const long = "a".repeat(255);
    expect(glob(`${"*a".repeat(500)}*b`).matches(long)).toBe(false);
    expect(glob(`${"**/a/".repeat(200)}b`).matches("a/".repeat(511))).toBe(false);
    expect(readTextGlob(`${"*a".repeat(99)}*b`)(long)).toBe(false);
    expect(readGlob("{a,b}".repeat(20))).toBeUndefined();
    expect(readGlob("{".repeat(1000))?.matches("{".repeat(1000))).toBe(true);
  });
});

it("a glob of text crosses everything and knows no other signs", () => {
  expect(readTextGlob("a*z?")("a/.\nz😀")).toBe(true);
  expect(readTextGlob("[a]{b,c}.+")("[a]{b,c}.+")).toBe(true);
  expect(readTextGlob("*")("")).toBe(true);
  expect(readTextGlob("a")("ab")).toBe(false);
});

it("the folders that a glob names outright are cut off", () => {
  expect(splitBase("a/b/*.c")).toEqual({ base: "a/b", glob: "*.c" });
  expect(splitBase("/x/{a,b}/c")).toEqual({ base: "/x", glob: "{a,b}/c" });
  expect(splitBase("/*")).toEqual({ base: "/", glob: "*" });
  expect(splitBase("a\\*/?")).toEqual({ base: "a*", glob: "?" });
  expect(splitBase("../x")).toEqual({ base: "..", glob: "x" });
  expect(["a", "a\\*", "a]", "[", "(a)"].filter(isGlob)).toEqual([]);
});
