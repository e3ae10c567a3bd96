import * as z from "zod";
import { type Role, whoamiAnswer } from "./account.ts";
import type { ErrorCode } from "./errors.ts";
import { completeUploadRequest, grantsAnswer, grantsRequest } from "./grant.ts";
import {
  createAnswer,
  createRequest,
  explainAnswer,
  getAnswer,
  getRequest,
  idsAnswer,
  idsRequest,
  jobView,
  listAnswer,
  listRequest,
  logsAnswer,
  logsRequest,
  outputsAnswer,
  outputsRequest,
  showAnswer,
} from "./job.ts";
import {
  appendLogAnswer,
  appendLogRequest,
  availableAnswer,
  availableRequest,
  claimAnswer,
  claimRequest,
  finishAnswer,
  finishRequest,
  registerAnswer,
  registerRequest,
  renewAnswer,
  renewRequest,
} from "./worker.ts";

export type Operation = {
  method: "GET" | "POST" | "DELETE";
  /** `:id` is taken from the path, everything else from the query (GET) or the body. */
  path: string;
  /** Who may call it; empty: anybody. */
  roles: readonly Role[];
  summary: string;
  request: z.ZodObject;
  answer: z.ZodType;
  /** Beside those that every operation may answer (bad_request, unknown_field, no_token …). */
  errors: readonly ErrorCode[];
  /** The same request may be sent again when its answer was lost. */
  repeatable: boolean;
};

const none = z.strictObject({});
const submitters = ["submitter", "admin"] as const;
const workers = ["worker"] as const;

/** The HTTP contract: server, client, OpenAPI, docs and tests all read this table. */
export const OPERATIONS = {
  health: {
    method: "GET",
    path: "/v1/health",
    roles: [],
    summary: "Tell that the server is alive, its version and time",
    request: none,
    answer: z.looseObject({ ok: z.literal(true), version: z.string(), protocol: z.int(), serverTime: z.int() }),
    errors: [],
    repeatable: true,
  },
  whoami: {
    method: "GET",
    path: "/v1/whoami",
    roles: ["admin", "submitter", "worker"],
    summary: "Tell whose token this is",
    request: none,
    answer: whoamiAnswer,
    errors: [],
    repeatable: true,
  },

  create: {
    method: "POST",
    path: "/v1/jobs",
    roles: submitters,
    summary: "Create jobs; those whose inputs are all there are released at once",
    request: createRequest,
    answer: createAnswer,
    errors: ["id_taken", "bad_path", "spec_too_large"],
    repeatable: true,
  },
  release: {
    method: "POST",
    path: "/v1/jobs/:id/release",
    roles: submitters,
    summary: "Release a job into its queue once its inputs are uploaded",
    request: none,
    answer: jobView,
    errors: ["not_found", "inputs_missing", "conflict"],
    repeatable: true,
  },
  grants: {
    method: "POST",
    path: "/v1/grants",
    roles: ["submitter", "admin", "worker"],
    summary: "Ask for permission tokens: presigned uploads and downloads",
    request: grantsRequest,
    answer: grantsAnswer,
    errors: ["not_found", "not_your_lease", "lease_lost"],
    repeatable: true,
  },
  completeUpload: {
    method: "POST",
    path: "/v1/grants/complete",
    roles: ["submitter", "admin", "worker"],
    summary: "End an upload in parts",
    request: completeUploadRequest,
    answer: z.looseObject({ ok: z.literal(true) }),
    errors: ["not_found", "wrong_content", "grant_refused", "not_your_lease", "lease_lost"],
    repeatable: true,
  },
  get: {
    method: "POST",
    path: "/v1/jobs/get",
    roles: submitters,
    summary: "Look at jobs by id, or wait for them",
    request: getRequest,
    answer: getAnswer,
    errors: [],
    repeatable: true,
  },
  list: {
    method: "GET",
    path: "/v1/jobs",
    roles: submitters,
    summary: "List jobs, newest first",
    request: listRequest,
    answer: listAnswer,
    errors: ["wrong_role"],
    repeatable: true,
  },
  show: {
    method: "GET",
    path: "/v1/jobs/:id",
    roles: submitters,
    summary: "Show one job whole: spec and history",
    request: none,
    answer: showAnswer,
    errors: ["not_found"],
    repeatable: true,
  },
  outputs: {
    method: "GET",
    path: "/v1/jobs/:id/outputs",
    roles: submitters,
    summary: "List results and outputs of tasks, with download grants",
    request: outputsRequest,
    answer: outputsAnswer,
    errors: ["not_found", "outputs_not_ready"],
    repeatable: true,
  },
  logs: {
    method: "GET",
    path: "/v1/jobs/:id/logs",
    roles: submitters,
    summary: "Read what a task prints",
    request: logsRequest,
    answer: logsAnswer,
    errors: ["not_found"],
    repeatable: true,
  },
  cancel: {
    method: "POST",
    path: "/v1/jobs/cancel",
    roles: submitters,
    summary: "Cancel jobs",
    request: idsRequest,
    answer: idsAnswer,
    errors: [],
    repeatable: true,
  },
  retry: {
    method: "POST",
    path: "/v1/jobs/retry",
    roles: submitters,
    summary: "Run again the tasks without success",
    request: idsRequest,
    answer: idsAnswer,
    errors: [],
    repeatable: true,
  },
  rm: {
    method: "POST",
    path: "/v1/jobs/rm",
    roles: submitters,
    summary: "Remove ended jobs and their outputs",
    request: idsRequest,
    answer: z.looseObject({
      items: z.array(
        z.looseObject({
          id: z.string(),
          error: z.looseObject({ code: z.string(), message: z.string(), hint: z.string() }).optional(),
        }),
      ),
    }),
    errors: [],
    repeatable: true,
  },
  explain: {
    method: "GET",
    path: "/v1/jobs/:id/explain",
    roles: submitters,
    summary: "Say why a job waits, worker by worker",
    request: none,
    answer: explainAnswer,
    errors: ["not_found"],
    repeatable: true,
  },

  register: {
    method: "POST",
    path: "/v1/workers",
    roles: workers,
    summary: "Make a worker known, or tell that it changed",
    request: registerRequest,
    answer: registerAnswer,
    errors: [],
    repeatable: true,
  },
  available: {
    method: "GET",
    path: "/v1/workers/available",
    roles: workers,
    summary: "List jobs that could be claimed now",
    request: availableRequest,
    answer: availableAnswer,
    errors: [],
    repeatable: true,
  },
  claim: {
    method: "POST",
    path: "/v1/leases/claim",
    roles: workers,
    summary: "Claim tasks: leases with spec and grants",
    request: claimRequest,
    answer: claimAnswer,
    errors: ["not_found", "not_released", "not_available"],
    repeatable: false,
  },
  renew: {
    method: "POST",
    path: "/v1/leases/renew",
    roles: workers,
    summary: "Renew leases and hear of cancels and watchers",
    request: renewRequest,
    answer: renewAnswer,
    errors: [],
    repeatable: true,
  },
  finish: {
    method: "POST",
    path: "/v1/leases/finish",
    roles: workers,
    summary: "Hand in results, give leases back, claim the next",
    request: finishRequest,
    answer: finishAnswer,
    errors: [],
    repeatable: true,
  },
  appendLog: {
    method: "POST",
    path: "/v1/leases/log",
    roles: workers,
    summary: "Ship a piece of a watched log",
    request: appendLogRequest,
    answer: appendLogAnswer,
    errors: ["lease_lost"],
    repeatable: true,
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
/** What a caller writes: path parameter `id` included, defaults may be left out. */
export type RequestOf<N extends OperationName> = Fields<z.input<(typeof OPERATIONS)[N]["request"]>> &
  PathOf<(typeof OPERATIONS)[N]["path"]>;
export type ParsedRequestOf<N extends OperationName> = Fields<z.output<(typeof OPERATIONS)[N]["request"]>> &
  PathOf<(typeof OPERATIONS)[N]["path"]>;
export type AnswerOf<N extends OperationName> = z.output<(typeof OPERATIONS)[N]["answer"]>;
/** An empty strict object is a record whose fields are never: it would forbid `id` beside it. */
type Fields<T> = T extends Record<string, never> ? unknown : T;
type PathOf<P extends string> = P extends `${string}:id${string}` ? { id: string } : unknown;
