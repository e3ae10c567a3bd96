import { hash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { FileEntry } from "../../contract/manifest.ts";
import { unpack } from "../../files/unpack.ts";

async function* cut(bytes: Buffer, ends: number[]) {
  let at = 0;
  for (const end of [...new Set(ends)].filter((n) => n < bytes.length).sort((a, b) => a - b)) {
    yield bytes.subarray(at, end);
    at = end;
  }
  yield bytes.subarray(at);
}

const entry = (path: string, bytes: Buffer, offset: number): FileEntry => ({
  kind: "file",
  path,
  size: bytes.length,
  sha256: hash("sha256", bytes),
  mode: 0o644,
  pack: { index: 0, offset },
});

it("every member comes out whole, however the pack was cut, also when members share bytes or are left out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.tuple(fc.nat(300), fc.nat(100)), { maxLength: 12 }),
      fc.array(fc.nat(300)),
      async (all, spans, ends) => {
        const pack = Buffer.from(all);
        const members = spans
          .filter(([offset, size]) => offset + size <= pack.length)
          .map(([offset, size], n) => entry(`f${n}`, pack.subarray(offset, offset + size), offset));
        const found = new Map<string, string>();
        for await (const { entry, bytes } of unpack((from) => cut(pack.subarray(from), ends), members))
          found.set(entry.path, hash("sha256", bytes));
        expect(found).toEqual(new Map(members.map(({ path, sha256 }) => [path, sha256])));
      },
    ),
  );
});

it("a pack that ends too early is wrong", async () => {
  const member = entry("f", Buffer.from("abcdef"), 2);
  const reading = async () => {
    for await (const _ of unpack((from) => cut(Buffer.from("xxabcde").subarray(from), []), [member]));
  };
  await expect(reading()).rejects.toMatchObject({ code: "wrong_content" });
});
