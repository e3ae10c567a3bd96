import * as z from "zod";

type Row = { status: number; retryable: boolean; hint: string };

/**
 * Every error of Rendt: HTTP status, whether the same request may succeed later, and what to do next.
 * Codes are stable; texts may change. `docs/errors.md` lists exactly these.
 */
export const ERRORS = {
  bad_request: { status: 400, retryable: false, hint: "compare the request with docs/api.md" },
  malformed_json: { status: 400, retryable: false, hint: "send one JSON value, UTF-8, nested at most 32 levels" },
  unknown_field: {
    status: 400,
    retryable: false,
    hint: "remove or correct the named field; docs/api.md lists them all",
  },
  bad_path: {
    status: 400,
    retryable: false,
    hint: "use relative paths without '..', NUL or control characters, UTF-8, each name at most 255 bytes",
  },
  no_server: {
    status: 400,
    retryable: false,
    hint: "start one here with `rendt up`, or name one: `rendt login URL`, or RENDT_URL and RENDT_TOKEN",
  },
  unsafe_file: {
    status: 400,
    retryable: false,
    hint: "others can read it: run `chmod 600` on the file that the message names",
  },
  no_such_file: {
    status: 400,
    retryable: false,
    hint: "check the path: it is read from the current folder; quote a glob so that the shell leaves it alone",
  },
  not_a_file: {
    status: 400,
    retryable: false,
    hint: "only files, folders and links can be sent: leave the rest out with --exclude or .rendtignore",
  },
  disk_error: {
    status: 500,
    retryable: false,
    hint: "check the permissions and the free space of the path that the message names",
  },
  would_overwrite: {
    status: 409,
    retryable: false,
    hint: "choose another folder with --get or --to, or overwrite with --force",
  },
  spec_too_large: {
    status: 400,
    retryable: false,
    hint: "pass large values as input files instead of environment or arguments",
  },
  token_in_url: {
    status: 400,
    retryable: false,
    hint: "send the token in the Authorization header, and revoke the one in the URL: it may be in logs",
  },
  no_token: { status: 401, retryable: false, hint: "run `rendt login URL`, or set RENDT_TOKEN" },
  bad_token: {
    status: 401,
    retryable: false,
    hint: "the token is malformed or unknown here: run `rendt login URL` again",
  },
  token_expired: { status: 401, retryable: false, hint: "ask the operator for a new token" },
  token_revoked: { status: 401, retryable: false, hint: "ask the operator for a new token" },
  wrong_role: { status: 403, retryable: false, hint: "use a token of the role that the message names" },
  out_of_scope: {
    status: 403,
    retryable: false,
    hint: "use a token whose scopes allow it: `rendt token list` shows them",
  },
  bad_code: {
    status: 403,
    retryable: false,
    hint: "ask the operator for a fresh one (`rendt enroll create`): codes are good for minutes, and for as many uses as they were made for",
  },
  quota_exceeded: {
    status: 403,
    retryable: false,
    hint: "wait until jobs end, or remove some; `rendt account show` tells what is used, and an admin can raise the quota",
  },
  grant_refused: {
    status: 403,
    retryable: true,
    hint: "ask for a fresh grant; a grant is good for one object, one method, one exact content and a short time",
  },
  not_found: {
    status: 404,
    retryable: false,
    hint: "`rendt list` shows the jobs of this account, `rendt worker list` its workers",
  },
  no_such_operation: { status: 404, retryable: false, hint: "docs/api.md lists the operations" },
  method_not_allowed: { status: 405, retryable: false, hint: "docs/api.md lists the method of each operation" },
  id_taken: { status: 409, retryable: false, hint: "another request was made under this id or key: choose a new one" },
  inputs_missing: {
    status: 409,
    retryable: false,
    hint: "upload the named inputs with fresh grants, then release again",
  },
  inputs_gone: { status: 409, retryable: false, hint: "the inputs have passed their retention: submit the job again" },
  not_released: {
    status: 409,
    retryable: false,
    hint: "the submitter has to upload the inputs and release the job first",
  },
  no_worker_fits: {
    status: 200,
    retryable: false,
    hint: "`rendt explain ID` tells what each worker lacks: cancel the job and ask for less, or start a worker that has it",
  },
  not_available: { status: 409, retryable: false, hint: "`rendt show ID` tells who holds it or how it ended" },
  not_ended: { status: 409, retryable: true, hint: "cancel the job or wait until it ends: `rendt wait ID`" },
  outputs_not_ready: { status: 409, retryable: true, hint: "wait for the task to end: `rendt wait ID`" },
  outputs_missing: {
    status: 409,
    retryable: true,
    hint: "upload the named outputs with fresh grants, then finish again",
  },
  not_your_lease: { status: 403, retryable: false, hint: "claim the task first: `rendt step exec-perm ID`" },
  lease_lost: {
    status: 409,
    retryable: false,
    hint: "another worker holds the task now, or the job was cancelled or retried: discard this run",
  },
  gap: {
    status: 409,
    retryable: false,
    hint: "offer the results of a lease in task order, beginning at the task named in details.from",
  },
  exists: { status: 412, retryable: false, hint: "the object is already there; HEAD tells whether it is the same" },
  conflict: { status: 409, retryable: true, hint: "try again: several requests changed the same record" },
  body_too_large: { status: 413, retryable: false, hint: "split the request: a body is at most 4 MiB" },
  wrong_content: {
    status: 400,
    retryable: true,
    hint: "the bytes differ from the grant's size or SHA-256: the file changed or was cut, send it again",
  },
  build_refused: {
    status: 409,
    retryable: false,
    hint: "publish a build that is newer than the last one, speaks the server's protocol and is signed by the operator's key: docs/worker.md",
  },
  upgrade_needed: { status: 426, retryable: false, hint: "install the version of rendt that the server names" },
  rate_limited: { status: 429, retryable: true, hint: "wait as long as Retry-After says" },
  internal: { status: 500, retryable: true, hint: "try again; if it stays, give the operator the request id" },
  storage_full: {
    status: 507,
    retryable: true,
    hint: "free disk space on the server, or raise --max-disk; nothing was lost",
  },
  port_taken: {
    status: 503,
    retryable: false,
    hint: "stop the other program, or choose another port: `rendt up --listen HOST:PORT`",
  },
  cannot_listen: {
    status: 503,
    retryable: false,
    hint: "choose an address of this machine: `rendt up --listen HOST:PORT`",
  },
  folder_refused: {
    status: 503,
    retryable: false,
    hint: "docs/backup.md lists these refusals, and how to go on from a backup; `rendt up --dir DIR` takes another folder",
  },
  worker_refused: {
    status: 503,
    retryable: false,
    hint: "docs/worker.md tells what a worker keeps and needs; `rendt worker start --dir DIR` takes another folder",
  },
  bad_owner_file: { status: 400, retryable: false, hint: "docs/worker.md tells what worker.toml may hold" },
  no_worker_here: {
    status: 404,
    retryable: false,
    hint: "start one: `rendt worker start`; or name its folder: --dir",
  },
  worker_silent: {
    status: 503,
    retryable: true,
    hint: "it was stopped, or its machine is busy: ask again; if it stays so, `kill -9` it and start it anew, which loses no result",
  },
  plain_http_refused: {
    status: 400,
    retryable: false,
    hint: "use an https:// URL; or, on a network whose every machine you trust, add --insecure",
  },
  unavailable: { status: 503, retryable: true, hint: "the server or its store is busy or restarting: try again" },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;
/** A code that this program does not know; the type keeps editors offering those it does. */
type UnknownCode = string & Record<never, never>;

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** What every refused request is answered with; the `type` … `detail` fields are those of RFC 9457. */
export const errorBody = z.lazy(() =>
  z.looseObject({
    error: z.looseObject({
      code: z.string(),
      message: z.string(),
      hint: z.string(),
      requestId: z.string().optional(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
);
export type ErrorBody = z.infer<typeof errorBody>;

/** What anything that was thrown says, whatever it is. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A refusal with a stable code. `details` are facts for programs; the message is for people. */
export class RendtError extends Error {
  override readonly name = "RendtError";
  readonly code: ErrorCode | UnknownCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly hint: string;
  readonly details: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      details?: Record<string, unknown> | undefined;
      cause?: unknown;
      retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const row: Row = ERRORS[code];
    this.code = code;
    this.status = row.status;
    this.retryable = row.retryable;
    this.hint = row.hint;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * A server's refusal. A code that only a newer server knows stays as it came, with that server's hint; whether to try again is then
 * told by the HTTP status.
 */
export class AnsweredError extends RendtError {
  override readonly code: ErrorCode | UnknownCode;
  override readonly status: number;
  override readonly retryable: boolean;
  override readonly hint: string;
  readonly requestId: string | undefined;

  constructor(answer: {
    code: string;
    message: string;
    hint: string;
    status: number;
    requestId?: string | undefined;
    retryAfterMs?: number | undefined;
    details?: Record<string, unknown> | undefined;
  }) {
    const known = isErrorCode(answer.code) ? answer.code : undefined;
    super(known ?? "internal", answer.message, answer);
    this.code = answer.code;
    this.status = answer.status;
    this.retryable = known ? ERRORS[known].retryable : answer.status >= 500 || answer.status === 429;
    this.hint = answer.hint;
    this.requestId = answer.requestId;
  }
}
