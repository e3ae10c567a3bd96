import { setTimeout as sleep } from "node:timers/promises";
import { RendtError } from "../../contract/errors.ts";
import { type Credentials, encodeQuery, presign, signHeaders } from "./s3-sign.ts";
import { readText } from "./s3-xml.ts";

export type Bucket = {
  bucket: string;
  region: string;
  /** Another S3 than that of the region: it is asked by path, because its bucket names have no DNS entries. */
  endpoint?: string | undefined;
  credentials: () => Promise<Credentials>;
  clock: () => number;
};

export type Ask = {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Without it the bucket itself. */
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string;
};

export type Answered = { status: number; headers: Headers; body: Buffer };

/** S3's refusal: its status and, where it told one, its code. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly status: number;
  readonly code: string;
  constructor(ask: Ask, status: number, code: string) {
    super(`S3 answered ${ask.method} ${ask.key ?? "bucket"} with ${status} ${code}`);
    this.status = status;
    this.code = code;
  }
}

const TRIES = 4;
const FIRST_WAIT_MS = 25;
/** HEAD and the small calls take 10 to 100 ms; a Lambda has to answer within 10 s. */
const TRY_MS = 2000;
const RETRY_AFTER_MS = 1000;

/** What reaches a bucket: requests of our own, repeated while S3 is busy or away, and grants for others to use. */
export function createSender({ bucket, region, endpoint, credentials, clock }: Bucket) {
  const base = endpoint ? `${endpoint.replace(/\/$/, "")}/${bucket}` : `https://${bucket}.s3.${region}.amazonaws.com`;
  const signer = async () => ({ credentials: await credentials(), region, now: clock() });
  const urlOf = ({ key, query = {} }: Pick<Ask, "key" | "query">) =>
    new URL(`${base}/${key ?? ""}${Object.keys(query).length > 0 ? `?${encodeQuery(query)}` : ""}`);

  async function attempt(ask: Ask): Promise<Answered> {
    const url = urlOf(ask);
    const headers = signHeaders(
      { method: ask.method, url, headers: ask.headers ?? {} },
      await signer(),
      ask.body ?? "",
    );
    const answer = await fetch(url, {
      method: ask.method,
      headers,
      signal: AbortSignal.timeout(TRY_MS),
      ...(ask.body !== undefined && { body: ask.body }),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    // Completing an upload answers 200 before it is done, and may go on with an error.
    const code = ask.method === "GET" ? undefined : failureIn(body);
    if (answer.ok && code === undefined) return { status: answer.status, headers: answer.headers, body };
    throw new S3Error(ask, answer.ok ? 500 : answer.status, code ?? failureIn(body) ?? "");
  }

  return {
    async send(ask: Ask): Promise<Answered> {
      for (let tried = 1; ; tried++) {
        try {
          return await attempt(ask);
        } catch (cause) {
          if (!isPassing(cause)) throw cause;
          if (tried === TRIES) {
            throw new RendtError("unavailable", "S3 is busy or does not answer", {
              cause,
              retryAfterMs: RETRY_AFTER_MS,
            });
          }
          await sleep(Math.random() * FIRST_WAIT_MS * 2 ** tried);
        }
      }
    },

    /** URLs know whole seconds: rounded down, this one is never good for longer than the grant says. */
    async presign(ask: Ask & { key: string }, expiresAt: number): Promise<string> {
      const by = await signer();
      const { method, headers = {} } = ask;
      return presign({ method, url: urlOf(ask), headers }, by, Math.floor((expiresAt - by.now) / 1000));
    },
  };
}

function failureIn(body: Buffer): string | undefined {
  const text = body.toString("utf8", 0, 4096);
  return /<Error[ >]/.test(text) ? (readText(text, "Code") ?? "Error") : undefined;
}

/** Worth another try: no answer at all, S3 is busy (503 SlowDown), fails (500), or had to wait too long for the body (400). */
function isPassing(cause: unknown): boolean {
  if (!(cause instanceof S3Error)) return true;
  return cause.status >= 500 || cause.status === 429 || cause.code === "RequestTimeout";
}
