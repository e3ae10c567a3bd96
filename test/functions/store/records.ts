import type { Job, Slice, TokenRecord, Tombstone, WorkerRecord } from "../../../functions/domain/records.ts";
import type { Put } from "../../../functions/store/port.ts";

/** A slice that is claimable now, in queue `q`, class `c`. */
export const aSlice = (job: string, fields: Partial<Slice> = {}): Slice => ({
  v: 1,
  job,
  number: 0,
  owner: "ann",
  queue: "q",
  class: "c",
  order: 0,
  round: 0,
  version: 1,
  status: "open",
  from: 0,
  upTo: 1,
  open: [{ from: 0, upTo: 1, tries: 0, crashes: 0 }],
  leases: {},
  cap: 1,
  done: [],
  succeeded: 0,
  failed: 0,
  crashLimit: 10,
  maxTries: 1,
  times: { createdAt: 1 },
  ...fields,
});

/** The header of a job whose inputs are still on their way: in no index but that of its owner. */
export const aJob = (id: string, fields: Partial<Job> = {}): Job => ({
  v: 1,
  id,
  owner: "ann",
  version: 1,
  round: 0,
  phase: "uploading",
  requestHash: "r",
  spec: { inline: { command: ["echo", "naïve \u2028 🎉 \u0000"] } },
  count: 1,
  slices: 1,
  queue: "q",
  class: "c",
  order: 0,
  keepMs: 60_000,
  times: { createdAt: 1 },
  ...fields,
});

/** A single job that is claimable now. */
export const aLiveJob = (id: string, fields: Partial<Job> = {}): Job =>
  aJob(id, {
    phase: "live",
    only: { status: "open", open: [{ from: 0, upTo: 1, tries: 0, crashes: 0 }], succeeded: 0, failed: 0 },
    ...fields,
  });

export const aTombstone = (id: string, wakeAt: number): Tombstone => ({
  v: 1,
  id,
  owner: "ann",
  version: 1,
  requestHash: "r",
  removedAt: 1,
  wakeAt,
});

export const aWorker = (id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord => ({
  v: 1,
  id,
  account: "ann",
  version: 1,
  name: "box",
  slots: 2,
  build: "0.1.0",
  os: "linux",
  arch: "x64",
  cpus: 2,
  memoryBytes: 4e9,
  sandbox: "none",
  registeredAt: 1,
  lastSeenAt: 1,
  ...fields,
});

export const aToken = (id: string, fields: Partial<TokenRecord> = {}): TokenRecord => ({
  v: 1,
  id,
  hash: `hash-of-${id}`,
  account: "ann",
  version: 1,
  role: "submitter",
  createdAt: 1,
  ...fields,
});

export const newJob = (put: Job): Put => ({ kind: "job", put, expect: "absent" });
export const newSlice = (put: Slice): Put => ({ kind: "slice", put, expect: "absent" });
/** The next version of a record that was read. */
export const nextJob = (seen: Job, fields: Partial<Job> = {}): Put => ({
  kind: "job",
  put: { ...seen, ...fields, version: seen.version + 1 },
  expect: seen.version,
});
export const nextSlice = (seen: Slice, fields: Partial<Slice> = {}): Put => ({
  kind: "slice",
  put: { ...seen, ...fields, version: seen.version + 1 },
  expect: seen.version,
});
