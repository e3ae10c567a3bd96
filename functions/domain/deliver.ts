import type { Decide, Upload } from "./commands.ts";
import type { LiveLease } from "./slice-record.ts";

/** Much more than any tree of packs and large files needs, and still a record of some 100 KB. */
const MOST_UPLOADS = 4000;

/** A lease that was lost in the meantime notes nothing: what it hands in all the same is counted then. */
export const deliver: Decide<"deliver"> = (slice, command) => {
  const lease = slice.leases[command.lease];
  if (!lease || lease.worker !== command.worker) return { slice, answer: undefined };
  const known = lease.uploads ?? {};
  const fresh = command.blobs.filter((upload) => known[nameOf(upload)] === undefined);
  if (fresh.length === 0) return { slice, answer: undefined };
  const uploads = { ...known, ...Object.fromEntries(fresh.map((upload) => [nameOf(upload), upload.size])) };
  const count = Object.keys(uploads).length;
  if (count > MOST_UPLOADS) {
    const message = `lease ${command.lease} has ${count} files to upload; an account with a quota of bytes may have ${MOST_UPLOADS}`;
    return { code: "bad_request", message };
  }
  return {
    slice: { ...slice, leases: { ...slice.leases, [command.lease]: { ...lease, uploads } } },
    answer: undefined,
  };
};

/** The lease without what it uploaded for tasks before its `from`: these were handed in, and are counted with the slice. */
export function withoutHandedIn(lease: LiveLease): LiveLease {
  const { uploads, ...rest } = lease;
  const left = Object.entries(uploads ?? {}).filter(([name]) => Number.parseInt(name, 10) >= lease.from);
  return left.length > 0 ? { ...rest, uploads: Object.fromEntries(left) } : rest;
}

const nameOf = ({ position, sha256 }: Upload): string => `${position}.${sha256.slice(0, 32)}`;
