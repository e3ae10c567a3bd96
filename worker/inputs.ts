import { lchownSync } from "node:fs";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { blobsOf, type Manifest, type ManifestEntry, type Tree } from "../contract/manifest.ts";
import { readManifest } from "../files/download.ts";
import { createGrantDesk } from "../files/grant-desk.ts";
import { placeTree } from "../files/place-tree.ts";
import { createBlobReader } from "../files/read-blob.ts";
import { breathe } from "../files/slices.ts";
import type { Transfer } from "../files/transfer.ts";
import type { BlobCache } from "./blob-cache.ts";
import type { Held } from "./held.ts";
import type { SlotUser } from "./sandbox/port.ts";

/** The input tree of a lease: its list is read once, a task's share of it is placed anew for each. */
export type Inputs = {
  /** What the task at this position gets. */
  manifest(position: number): Promise<Manifest>;
  /** Of all its files together. */
  bytes(position: number): Promise<number>;
  /** Answers why the job's inputs can't be placed by anybody, if so; throws when it is this machine or the network. */
  place(position: number, into: Place): Promise<string | undefined>;
};

type Place = { folder: string; user: SlotUser | undefined };

type Source = { transfer: Omit<Transfer, "entryOf" | "grants">; cache: BlobCache; lists: Lists };

export function createInputs({ lease, grants }: Pick<Held, "lease" | "grants">, source: Source): Inputs | undefined {
  const tree = lease.spec.inputs;
  if (!tree) return undefined;
  const { cache } = source;
  const transfer: Transfer = {
    ...source.transfer,
    entryOf: (blob) => ({ use: "fetch", lease: lease.id, blob }),
    grants,
  };
  const read = cache.reader(createBlobReader(createGrantDesk(transfer, blobsOf(tree)), transfer));
  let shares: Shares | undefined;

  /** What comes in is verified: when it is wrong later, it is our copy that went bad on this disk. */
  async function mending<T>(of: Tree, use: (again: boolean) => Promise<T>): Promise<T> {
    try {
      return await use(false);
    } catch (error) {
      if (!isCode(error, "wrong_content")) throw error;
      await cache.dropDamaged(blobsOf(of));
      return use(true);
    }
  }

  const manifest = async (position: number): Promise<Manifest> => {
    shares ??= await source.lists.of(tree, () => mending(tree, async () => sharesOf(await readManifest(tree, read))));
    return shares(position);
  };

  return {
    manifest,
    async bytes(position) {
      const { entries } = await manifest(position);
      return entries.reduce((sum, entry) => sum + (entry.kind === "file" ? entry.size : 0), 0);
    },
    async place(position, { folder, user }) {
      try {
        const list = await manifest(position);
        await mending({ manifest: list }, (again) =>
          placeTree(list, folder, { read, signal: transfer.signal, fresh: !again, force: again }),
        );
        if (user) await giveTo(folder, list, user);
        return undefined;
      } catch (error) {
        if (!(error instanceof RendtError) || !isCode(error, ...JOBS_FAULT)) throw error;
        return `its inputs can't be placed: ${error.message}`;
      }
    },
  };
}

type Shares = (position: number) => Manifest;

/** Long lists that leases have in common: to read one of 10,000 files takes as long as dozens of short tasks. */
export type Lists = { of(tree: Tree, read: () => Promise<Shares>): Promise<Shares> };

/** Remembers the list that was read last, as long as somebody uses it. */
export function createLists(): Lists {
  let last: { sha256: string; shares: WeakRef<Shares> } | undefined;
  return {
    async of(tree, read) {
      if (!("stored" in tree)) return read();
      const { sha256 } = tree.stored;
      const known = last?.sha256 === sha256 ? last.shares.deref() : undefined;
      const shares = known ?? (await read());
      last = { sha256, shares: new WeakRef(shares) };
      return shares;
    },
  };
}

/** Of 10,000 tasks with a file each, every one would else be given 10,000. */
function sharesOf({ entries, packs }: Manifest): Shares {
  const shared: ManifestEntry[] = [];
  const own = new Map<number, ManifestEntry[]>();
  for (const entry of entries) {
    if (entry.kind !== "file" || entry.task === undefined) shared.push(entry);
    else {
      const files = own.get(entry.task) ?? [];
      files.push(entry);
      own.set(entry.task, files);
    }
  }
  return (position) => ({ entries: [...shared, ...(own.get(position) ?? [])], packs });
}

/** Wrong on every machine: another one would only meet the same. */
const JOBS_FAULT = ["bad_path", "wrong_content", "would_overwrite", "inputs_gone"];

const isCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof RendtError && codes.includes(error.code);

async function giveTo(folder: string, { entries }: Manifest, { uid, gid }: SlotUser): Promise<void> {
  const paths = new Set(entries.map(({ path }) => path));
  for (const { path } of entries)
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) paths.add(path.slice(0, cut));
  for (const path of paths) {
    lchownSync(join(folder, path), uid, gid);
    await breathe();
  }
}
