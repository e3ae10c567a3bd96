import { describe, expect, it } from "vitest";
import * as z from "zod";
import { parseLoosely } from "../../contract/loose.ts";
import { tree } from "../../contract/manifest.ts";

const sha = "a".repeat(64);

describe("loose parsing", () => {
  const inner = z.strictObject({ a: z.int() });
  const schema = z.strictObject({ list: z.array(inner), either: z.union([inner, z.strictObject({ b: z.string() })]) });

  it("leaves out what it does not know, at any depth", () => {
    const value = { list: [{ a: 1, new: 2 }, { a: 2 }], either: { b: "x", more: { deep: 1 } }, top: 1 };
    expect(parseLoosely(schema, value).data).toEqual({ list: [{ a: 1 }, { a: 2 }], either: { b: "x" } });
    expect(value.list[0]).toEqual({ a: 1, new: 2 });
  });

  it("still refuses what is wrong", () => {
    expect(parseLoosely(schema, { list: [{ a: "1", new: 2 }], either: { b: "x" } }).success).toBe(false);
    expect(parseLoosely(schema, { list: [], either: { c: 1 } }).success).toBe(false);
  });

  it("reads a tree of a newer program", () => {
    const entry = { kind: "file", path: "a", size: 1, sha256: sha, mode: 0o644, owner: "me" };
    const parsed = parseLoosely(tree, { manifest: { entries: [entry], packs: [], made: "later" } });
    expect(parsed.data).toMatchObject({ manifest: { entries: [{ path: "a" }] } });
    expect(JSON.stringify(parsed.data)).not.toMatch(/owner|made/);
  });
});
