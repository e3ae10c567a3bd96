import { randomBytes } from "node:crypto";
import { arch, cpus, hostname, platform, totalmem } from "node:os";
import type { WorkerInfo } from "../../contract/worker.ts";
import { Failure } from "../failure.ts";
import { identity, readState, type Working, working, writeState } from "./state.ts";

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** This folder as a worker: one slot, the same id for every verb. */
export function workerHere(): WorkerInfo {
  let known = readState(identity, "worker");
  if (!known) {
    known = { id: `w${[...randomBytes(12)].map((byte) => DIGITS[byte % 32]).join("")}` };
    writeState("worker", known);
  }
  return {
    id: known.id,
    name: `${hostname()} by hand`.slice(0, 100),
    slots: 1,
    version: RENDT_VERSION,
    os: platform(),
    arch: arch(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    sandbox: "none",
  };
}

/** What this folder holds of a job that it claimed; `not_your_lease` when it claimed none. */
export function workOn(id: string): Working {
  const known = readState(working, `${id}.working`);
  if (known) return known;
  throw new Failure("not_your_lease", `this folder has not claimed ${id}`, { hint: `rendt step exec-perm ${id}` });
}

export const keepWork = (id: string, work: Working): void => writeState(`${id}.working`, work);

/** The index of the one task that is worked on by hand: the first of the lease. */
export function indexOf({ lease }: Pick<Working, "lease">): number {
  const { start = 0, step = 1 } = lease.spec.array ?? {};
  return start + step * lease.from;
}

/** What replaces `{}` in the command: the item, or in an array without items the index. */
export function itemOf(work: Working): string | undefined {
  const { items, spec } = work.lease;
  return items?.[0] ?? (spec.array ? String(indexOf(work)) : undefined);
}
