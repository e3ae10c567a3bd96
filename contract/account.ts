import * as z from "zod";
import {
  DEFAULT_TOKEN_MS,
  MAX_CODE_MS,
  MAX_CODE_USES,
  MAX_LINK_MS,
  MAX_LIST_ITEMS,
  MAX_TOKEN_MS,
  ROTATE_OVERLAP_MS,
} from "./limits.ts";

export const role = z.enum(["admin", "submitter", "worker"]);
export type Role = z.infer<typeof role>;

/** The name of an account stands in queues, object keys and records: it is given once and never changed. */
export const accountId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "an account's name: 1 to 32 of a-z, 0-9 and -, not beginning with -");
const tokenId = z.string().regex(/^t[0-9a-z]{12}$/, "a token's id: t and 12 base32 characters");
const note = z.string().max(200).optional();

/** What a token may do of what its role allows. Absent fields set no bound. */
export const scopes = z.lazy(() =>
  z.strictObject({
    /** Queues that it submits to, or claims from. */
    queues: z.array(z.string().min(1).max(100)).min(1).max(16).optional(),
    /** Largest head start, in seconds. */
    maxPriority: z.int().min(0).optional(),
  }),
);
export type Scopes = z.infer<typeof scopes>;

const amount = z.int().min(0).max(1e15).optional();
/** Bounds of an account, each exact at every moment; absent: none. */
export const quotas = z.lazy(() =>
  z.strictObject({
    /** Tasks of jobs that were released and have not ended. */
    queuedTasks: amount,
    /** Tasks that workers hold leases of. */
    runningTasks: amount,
    /** Bytes of the inputs and outputs, logs included, of jobs that are kept; what workers are uploading now is in it. */
    bytes: amount,
    /** Jobs created in a day (UTC). */
    jobsPerDay: amount,
  }),
);
export type Quotas = z.infer<typeof quotas>;
export type QuotaName = keyof Quotas;

/**
 * Who asks: the account that a token belongs to, and what it may do. Admins may do what submitters may. `job` is set for the holder of a
 * link: it reads that one job.
 */
export type Principal = {
  account: string;
  role: Role;
  token: string;
  scopes?: Scopes;
  createdAt?: number;
  expiresAt?: number | undefined;
  job?: string;
};

export const whoamiAnswer = z.lazy(() =>
  z.looseObject({
    account: z.string(),
    role,
    token: z.string(),
    scopes: z.looseObject(scopes.unwrap().shape).optional(),
    createdAt: z.int().optional(),
    expiresAt: z.int().optional(),
  }),
);

const page = { limit: z.coerce.number().int().min(1).max(MAX_LIST_ITEMS).default(50), cursor: z.string().optional() };
const listOf = <T extends z.ZodType>(item: T) => z.looseObject({ items: z.array(item), next: z.string().optional() });

export const accountView = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    note: z.string().optional(),
    createdAt: z.int(),
    quotas: z.looseObject(quotas.unwrap().shape),
  }),
);
export type AccountView = z.infer<typeof accountView>;
export const createAccountRequest = z.lazy(() => z.strictObject({ id: accountId, note, quotas: quotas.default({}) }));
export const changeAccountRequest = z.lazy(() =>
  z.strictObject({
    note,
    /** Each one named is changed; null takes it away. */
    quotas: z.strictObject({
      queuedTasks: amount.nullable(),
      runningTasks: amount.nullable(),
      bytes: amount.nullable(),
      jobsPerDay: amount.nullable(),
    }),
  }),
);
export const listAccountsRequest = z.lazy(() => z.strictObject(page));
export const listAccountsAnswer = z.lazy(() => listOf(accountView));
/** What is counted of a quota; nothing is counted where there is none. */
export const showAccountAnswer = z.lazy(() =>
  z.looseObject({ ...accountView.unwrap().shape, used: z.looseObject(quotas.unwrap().shape) }),
);

const expiresInMs = z.int().min(60_000).max(MAX_TOKEN_MS).default(DEFAULT_TOKEN_MS);

export const tokenView = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    account: z.string(),
    role,
    note: z.string().optional(),
    scopes: z.looseObject(scopes.unwrap().shape).optional(),
    createdAt: z.int(),
    expiresAt: z.int().optional(),
    revokedAt: z.int().optional(),
    /** Begin of the day (UTC) on which it was last used. */
    usedOn: z.int().optional(),
  }),
);
export type TokenView = z.infer<typeof tokenView>;
/** `text` is the token itself: it is shown this once, and stored nowhere. */
export const newTokenAnswer = z.lazy(() => z.looseObject({ ...tokenView.unwrap().shape, text: z.string() }));

export const createTokenRequest = z.lazy(() =>
  z.strictObject({
    account: accountId,
    role,
    note,
    scopes: scopes.optional(),
    expiresInMs,
  }),
);
export const listTokensRequest = z.lazy(() => z.strictObject({ account: accountId.optional(), ...page }));
export const listTokensAnswer = z.lazy(() => listOf(tokenView));
export const revokeTokenRequest = z.lazy(() => z.strictObject({ token: tokenId }));
/** The old token goes on for `overlapMs`, so that programs can be given the new one in peace. */
export const rotateTokenRequest = z.lazy(() =>
  z.strictObject({
    token: tokenId,
    expiresInMs,
    overlapMs: z.int().min(0).max(ROTATE_OVERLAP_MS).default(3_600_000),
  }),
);

export const createCodeRequest = z.lazy(() =>
  z.strictObject({
    account: accountId,
    role,
    note,
    scopes: scopes.optional(),
    uses: z.int().min(1).max(MAX_CODE_USES).default(1),
    /** How long the code is good, and the tokens that it is swapped for. */
    forMs: z.int().min(1000).max(MAX_CODE_MS).default(MAX_CODE_MS),
    tokenMs: expiresInMs,
  }),
);
export const createCodeAnswer = z.lazy(() => z.looseObject({ code: z.string(), expiresAt: z.int(), uses: z.int() }));
export const enrollRequest = z.lazy(() => z.strictObject({ code: z.string().min(1).max(100), note }));

export const auditRequest = z.lazy(() => z.strictObject({ account: accountId.optional(), ...page }));
export const auditAnswer = z.lazy(() =>
  listOf(
    z.looseObject({
      id: z.string(),
      at: z.int(),
      account: z.string(),
      by: z.string(),
      what: z.string(),
      target: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
);

/** `revoke` takes back all links to the job that were given out before; without `forMs` no new one is made. */
export const linkRequest = z.lazy(() =>
  z.strictObject({
    forMs: z.int().min(60_000).max(MAX_LINK_MS).optional(),
    revoke: z.boolean().default(false),
  }),
);
export const linkAnswer = z.lazy(() => z.looseObject({ link: z.string().optional(), expiresAt: z.int().optional() }));
