import { createHash } from "node:crypto";
import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { type JobSpec, jobSpec } from "../../contract/job.ts";
import { MAX_DOCUMENT_BYTES } from "../../contract/limits.ts";
import type { DocRef } from "../domain/record-fields.ts";
import type { Job } from "../domain/records.ts";
import type { Store } from "../store/port.ts";
import { unseal } from "./sealed-secrets.ts";

/** A spec as it is kept: without defaults, and with the items of an array in documents of their own, so that a lease reads only its part. */
const keptSpec = z.lazy(() =>
  z.strictObject({
    spec: jobSpec.unwrap().omit({ items: true, secrets: true }),
    items: z.array(z.strictObject({ from: z.int(), upTo: z.int(), hash: z.string() })).default([]),
    /** As `seal` (sealed-secrets.ts) wrote them. */
    sealed: z.string().optional(),
  }),
);
type KeptSpec = z.output<typeof keptSpec>;
const itemPage = z.array(z.string());

/** What the spec document of a job will say, and the documents that have to be there before it. */
export type SpecPlan = { text: string; value: unknown; pages: string[] };

/** What a field is that nobody gave: found out at the first job, because a Lambda is to start soon. */
let usual: Record<string, unknown> | undefined;

/** Lays a spec out as documents; `sliceSize` keeps the items of one slice together. `sealed`: its secrets, which stand nowhere else. */
export function planSpec(
  { items = [], secrets: _, ...spec }: JobSpec,
  { sliceSize, sealed }: { sliceSize: number; sealed: string | undefined },
): SpecPlan {
  usual ??= jobSpec.parse({ command: ["true"] });
  const defaults = usual;
  const short = Object.fromEntries(
    Object.entries(spec).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name])),
  );
  const pages = cutItems(items, sliceSize);
  let from = 0;
  const named = pages.map((page) => {
    const text = JSON.stringify(page);
    const entry = { from, upTo: from + page.length, hash: createHash("sha256").update(text).digest("hex") };
    from = entry.upTo;
    return entry;
  });
  const value = {
    spec: { ...short, command: spec.command },
    ...(named.length > 0 && { items: named }),
    ...(sealed && { sealed }),
  };
  const text = JSON.stringify(value);
  const size = Buffer.byteLength(text);
  if (size > MAX_DOCUMENT_BYTES) {
    throw new RendtError("spec_too_large", `the spec has ${size} bytes, at most ${MAX_DOCUMENT_BYTES} are allowed`);
  }
  return { text, value, pages: pages.map((page) => JSON.stringify(page)) };
}

function cutItems(items: readonly string[], sliceSize: number): string[][] {
  const pages: string[][] = [];
  let page: string[] = [];
  let size = 2;
  for (const item of items) {
    const more = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (page.length > 0 && (page.length === sliceSize || size + more > MAX_DOCUMENT_BYTES)) {
      pages.push(page);
      page = [];
      size = 2;
    }
    page.push(item);
    size += more;
  }
  return page.length > 0 ? [...pages, page] : pages;
}

/** Reads specs and items of jobs; what was read lately is remembered, because documents never change. */
export type Specs = {
  read(job: Pick<Job, "id" | "spec">): Promise<KeptSpec["spec"]>;
  /** The items of positions `from` ≤ p < `upTo`, or undefined for a job without items. */
  readItems(job: Pick<Job, "id" | "spec">, span: { from: number; upTo: number }): Promise<string[] | undefined>;
  /** How many items in a row are sure to be no longer than two documents; undefined for a job without items. */
  mostItems(job: Pick<Job, "id" | "spec">): Promise<number | undefined>;
  /** The job's secrets, for the worker that runs it and nobody else. */
  readSecrets(job: Pick<Job, "id" | "spec">): Promise<Record<string, string> | undefined>;
};

/** Text of remembered documents, together. */
const MAX_REMEMBERED_CHARACTERS = 16 * 1024 * 1024;

export function createSpecs({ store, secret }: { store: Pick<Store, "getDocuments">; secret: Uint8Array }): Specs {
  const specs = createMemory<KeptSpec>();
  const pages = createMemory<string[]>();

  async function readKept({ id, spec }: Pick<Job, "id" | "spec">): Promise<KeptSpec> {
    if ("inline" in spec) return keptSpec.parse(spec.inline);
    return specs.remember(`${id} ${spec.hash}`, async () => parse(keptSpec, await readDocument(store, id, spec)));
  }

  return {
    read: async (job) => (await readKept(job)).spec,
    async readItems(job, { from, upTo }) {
      const kept = await readKept(job);
      if (kept.items.length === 0) return undefined;
      const found: string[] = [];
      for (const page of kept.items) {
        if (page.upTo <= from || page.from >= upTo) continue;
        const items = await pages.remember(`${job.id} ${page.hash}`, async () =>
          parse(itemPage, await readDocument(store, job.id, page)),
        );
        found.push(...items.slice(Math.max(0, from - page.from), upTo - page.from));
      }
      return found;
    },
    async mostItems(job) {
      const { items } = await readKept(job);
      // The last page is short because there is no more, all others because of their size or their slice's.
      const full = items.length > 1 ? items.slice(0, -1) : items;
      return full.length === 0 ? undefined : Math.min(...full.map(({ from, upTo }) => upTo - from));
    },
    async readSecrets(job) {
      const { sealed } = await readKept(job);
      return sealed === undefined ? undefined : unseal(sealed, { job: job.id, secret });
    },
  };
}

const parse = <T>(schema: z.ZodType<T>, text: string) => ({ value: schema.parse(JSON.parse(text)), size: text.length });

/** The text of a document that a record names: it was written before the record, so that it must be there. */
export async function readDocument(
  store: Pick<Store, "getDocuments">,
  job: string,
  { hash }: { hash: string },
): Promise<string> {
  const [text] = await store.getDocuments([{ job, hash }]);
  if (text === undefined) throw new RendtError("internal", `document ${hash} of job ${job} is missing from the store`);
  return text;
}

/** The value behind a reference. */
export async function readRef(store: Pick<Store, "getDocuments">, job: string, ref: DocRef): Promise<unknown> {
  return "inline" in ref ? ref.inline : JSON.parse(await readDocument(store, job, ref));
}

/** Remembers what was read last, up to a size; whatever is forgotten is read again. */
function createMemory<T>() {
  const held = new Map<string, { value: T; size: number }>();
  let total = 0;
  return {
    async remember(name: string, read: () => Promise<{ value: T; size: number }>): Promise<T> {
      const known = held.get(name);
      if (known) {
        // Maps keep the order of insertion: the first is the one that was not asked for the longest.
        held.delete(name);
        held.set(name, known);
        return known.value;
      }
      const found = await read();
      if (!held.has(name)) total += found.size;
      held.set(name, found);
      for (const [oldest, { size }] of held) {
        if (total <= MAX_REMEMBERED_CHARACTERS || oldest === name) break;
        held.delete(oldest);
        total -= size;
      }
      return found.value;
    },
  };
}
