import type { OperationName, RequestOf } from "../../../contract/operations.ts";

/** What the victim has, by name: a stranger asks for each of these. */
export type Victim = { job: string; ended: string; waiting: string; lease: string; worker: string; token: string };

const hash = "0".repeat(64);
const blob = { sha256: hash, size: 1 };
const machine = (id: string) => ({
  id,
  name: "mine now",
  slots: 1,
  version: "1",
  os: "linux",
  arch: "x64",
  cpus: 1,
  memoryBytes: 1,
  sandbox: "none" as const,
});

/** The stranger's own worker, which is registered. */
export const STRANGERS_WORKER = "w00000000000z";

type Attempt = {
  /** With a token of the first role that is not admin. */
  request: unknown;
  /** A status of 4xx, refusals of items, or an answer without the victim's things. */
  answer: "refused" | "items refused" | "nothing of the victim's";
  /** What the answer says, a code in most cases. */
  says?: string;
};
type Row<N extends OperationName> =
  | "no objects"
  | "admins only"
  | ((victim: Victim) => Attempt & { request: RequestOf<N> });

const refused = (says: string) => ({ answer: "refused" as const, says });
const itemsRefused = (says: string) => ({ answer: "items refused" as const, says });
const nothing = { answer: "nothing of the victim's" as const };

/** Every operation, asked for another owner's objects. A new operation does not compile before it has a row here. */
export const ATTEMPTS: { [N in OperationName]: Row<N> } = {
  health: "no objects",
  whoami: "no objects",
  enroll: "no objects",
  latestBuild: "no objects",

  create: ({ job }) => ({ request: { jobs: [{ id: job, spec: { command: ["true"] } }] }, ...itemsRefused("id_taken") }),
  release: ({ waiting }) => ({ request: { id: waiting }, ...refused("not_found") }),
  grants: ({ job, ended }) => ({
    request: {
      entries: [
        { use: "input", job, blob },
        { use: "output", job: ended, index: 0, blob },
      ],
    },
    ...itemsRefused("not_found"),
  }),
  completeUpload: ({ job }) => ({
    request: { entry: { use: "input", job, blob }, upload: "u", parts: [{ number: 1, etag: "e", sha256: hash }] },
    ...refused("not_found"),
  }),
  get: ({ job, ended }) => ({ request: { ids: [job, ended] }, ...nothing }),
  list: () => ({ request: {}, ...nothing }),
  show: ({ job }) => ({ request: { id: job }, ...refused("not_found") }),
  outputs: ({ ended }) => ({ request: { id: ended }, ...refused("not_found") }),
  logs: ({ ended }) => ({ request: { id: ended, index: 0 }, ...refused("not_found") }),
  cancel: ({ job }) => ({ request: { ids: [job] }, ...itemsRefused("not_found") }),
  retry: ({ ended }) => ({ request: { ids: [ended] }, ...itemsRefused("not_found") }),
  rm: ({ ended }) => ({ request: { ids: [ended] }, ...itemsRefused("not_found") }),
  explain: ({ job }) => ({ request: { id: job }, ...refused("not_found") }),
  link: ({ job }) => ({ request: { id: job, forMs: 60_000 }, ...refused("not_found") }),

  register: ({ worker }) => ({ request: machine(worker), ...refused("id_taken") }),
  available: () => ({ request: {}, ...nothing }),
  claim: ({ worker }) => ({ request: { worker, leases: 1 }, ...refused("not_found") }),
  renew: ({ worker, lease }) => ({ request: { worker, leases: [lease] }, ...refused("not_found") }),
  finish: ({ worker, lease }) => ({
    request: { worker, items: [{ lease, from: 0, results: [], end: { kind: "released", reason: "mine" } }] },
    ...refused("not_found"),
  }),
  appendLog: ({ lease }) => ({ request: { lease, index: 0, offset: 0, data: "" }, ...refused("not_your_lease") }),

  listWorkers: () => ({ request: {}, ...nothing }),
  showWorker: ({ worker }) => ({ request: { id: worker }, ...refused("not_found") }),
  drainWorker: ({ worker }) => ({ request: { id: worker }, ...refused("not_found") }),
  resumeWorker: ({ worker }) => ({ request: { id: worker }, ...refused("not_found") }),
  removeWorker: ({ worker }) => ({ request: { id: worker }, ...refused("not_found") }),
  showAccount: () => ({ request: { id: "main" }, ...refused("not_found") }),
  listTokens: () => ({ request: {}, ...nothing }),
  revokeToken: ({ token }) => ({ request: { token }, ...refused("not_found") }),
  rotateToken: ({ token }) => ({ request: { token }, ...refused("not_found") }),

  publish: "admins only",
  createAccount: "admins only",
  listAccounts: "admins only",
  changeAccount: "admins only",
  createToken: "admins only",
  createCode: "admins only",
  audit: "admins only",
};

/** The same by the stranger's own worker, and by naming the victim's account. */
export const OTHER_ATTEMPTS: readonly { name: OperationName; of: (victim: Victim) => Attempt }[] = [
  {
    name: "claim",
    of: ({ waiting }) => ({
      request: { worker: STRANGERS_WORKER, leases: 1, job: waiting },
      ...refused("not_found"),
    }),
  },
  { name: "claim", of: ({ worker }) => ({ request: { worker, leases: 0, away: "stopped" }, ...refused("not_found") }) },
  {
    name: "renew",
    of: ({ lease }) => ({ request: { worker: STRANGERS_WORKER, leases: [lease] }, ...itemsRefused("lost") }),
  },
  {
    name: "finish",
    of: ({ lease }) => ({
      request: {
        worker: STRANGERS_WORKER,
        items: [{ lease, from: 0, results: [{ index: 0, outcome: "exited", exitCode: 0, durationMs: 1 }] }],
      },
      ...itemsRefused('"accepted":[]'),
    }),
  },
  { name: "listTokens", of: () => ({ request: { account: "main" }, ...refused("not_found") }) },
  { name: "listWorkers", of: () => ({ request: { account: "main" }, ...refused("not_found") }) },
  { name: "list", of: () => ({ request: { all: "true" }, ...refused("wrong_role") }) },
  {
    name: "grants",
    of: ({ job }) => ({ request: { entries: [{ use: "input", job, blob }] }, ...itemsRefused("not_found") }),
  },
];
