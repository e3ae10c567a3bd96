import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../repo/sources.ts";
import { hasShape, readSteps } from "./console.ts";
import { walkThrough } from "./walk-through.ts";

// Beside node_modules' packages, so that the program finds libsql; the tree's own dist/ may be of yesterday.
const dist = join(root, "node_modules", `.rendt-docs-test-${process.pid}`);

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(root, "scripts", "build.mjs"), "--out", dist]);
}, 60_000);
afterAll(() => rmSync(dist, { recursive: true, force: true }));

describe("what a page tells its reader to do works, and prints what the page shows:", () => {
  for (const page of ["README.md", "docs/by-hand.md", "docs/access.md", "docs/api.md", "docs/backup.md"]) {
    it(page, () => walkThrough(page, dist), 120_000);
  }
});

describe("the comparison", () => {
  it("sees a missing, a wrong and an additional line", () => {
    expect(hasShape(["a 12 ms", "b"], ["a 3 ms", "b"])).toBe(true);
    expect(hasShape(["a 12 ms"], ["a 3 ms", "b"])).toBe(false);
    expect(hasShape(["a 12 ms", "c"], ["a 3 ms", "b"])).toBe(false);
    expect(hasShape(["a 12 ms", "b", "c"], ["a 3 ms", "b"])).toBe(false);
    expect(hasShape(["a", "x", "y", "b"], ["a", "...", "b"])).toBe(true);
    expect(hasShape(["a", "x"], ["a", "...", "b"])).toBe(false);
  });

  it("reads commands, what they print, and files", () => {
    const page =
      "<!-- file: a.txt -->\n```\nhi\n```\n\n<!-- terminal: me -->\n```console\n$ cat a.txt\nhi\n$ true\n```\n<!-- stop: me -->\n";
    expect(readSteps(page)).toEqual([
      { kind: "file", name: "a.txt", text: "hi\n", line: 1 },
      { kind: "command", terminal: "me", command: "cat a.txt", expected: ["hi"], line: 8 },
      { kind: "command", terminal: "me", command: "true", expected: [], line: 10 },
      { kind: "stop", terminal: "me", line: 12 },
    ]);
  });
});
