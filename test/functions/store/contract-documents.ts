import { createHash } from "node:crypto";
import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../../../contract/limits.ts";
import type { Cases } from "./cases.ts";

export const documentCases: Cases = {
  "a document is named by the SHA-256 of its text and comes back as it was": async (store) => {
    const text = JSON.stringify({ command: ["echo", "naïve 🎉 \u2028"] });
    const hash = await store.putDocument("j1", text);
    expect(hash).toBe(createHash("sha256").update(text).digest("hex"));
    expect(await store.putDocument("j1", text)).toBe(hash);
    expect(await store.getDocuments([{ job: "j1", hash }])).toEqual([text]);
  },

  "documents come in the order asked for, those of several jobs together": async (store) => {
    const keys: { job: string; hash: string }[] = [];
    for (let n = 0; n < 130; n++) {
      const job = `j${n % 3}`;
      keys.push({ job, hash: await store.putDocument(job, `{"n":${n}}`) });
    }
    const asked = [...keys.toReversed(), { job: "j1", hash: keys[0]?.hash ?? "" }, ...keys.slice(0, 2)];
    const texts = Array.from({ length: 130 }, (_, n) => `{"n":${n}}`);
    expect(await store.getDocuments(asked)).toEqual([...texts.toReversed(), undefined, ...texts.slice(0, 2)]);
    expect(await store.getDocuments([])).toEqual([]);
  },

  "removing what belongs to a job takes all its documents, and no equal one of another job": async (store) => {
    const keys = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => ({ job: "j1", hash: await store.putDocument("j1", `{"n":${n}}`) })),
    );
    const other = { job: "j10", hash: await store.putDocument("j10", '{"n":1}') };
    await store.removeBelongings("j1");
    expect(await store.getDocuments([...keys, other])).toEqual([...keys.map(() => undefined), '{"n":1}']);
    await store.removeBelongings("j1");
  },

  "a document of the largest size is kept, a larger one refused": async (store) => {
    const largest = "é".repeat(MAX_DOCUMENT_BYTES / 2);
    const hash = await store.putDocument("j1", largest);
    expect(await store.getDocuments([{ job: "j1", hash }])).toEqual([largest]);
    const refused = expect.objectContaining({ name: RendtError.name, code: "spec_too_large" });
    await expect(store.putDocument("j1", `${largest}x`)).rejects.toEqual(refused);
  },
};
