import type { SliceKey } from "../store/port.ts";
import { base32 } from "./ids.ts";

const LEASE_ID = /^(j[0-9a-z]{12})(?:-(\d{1,7}))?-[0-9a-z]{16}$/;

/** A lease's id names its slice, so that nothing has to be looked up, and holds 80 random bits, so that nobody can guess it. */
export function newLeaseId({ job, number }: SliceKey, random: (bytes: number) => Uint8Array): string {
  return [job, ...(number === undefined ? [] : [number]), base32(random(10), 16)].join("-");
}

export function readLeaseId(id: string): SliceKey | undefined {
  const [, job, number] = LEASE_ID.exec(id) ?? [];
  if (job === undefined) return undefined;
  return number === undefined ? { job } : { job, number: Number(number) };
}
