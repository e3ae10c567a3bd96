import type * as z from "zod";
import { AnsweredError, ERRORS, type ErrorCode, errorBody, RendtError } from "./errors.ts";
import { MAX_BODY_BYTES, PROTOCOL_VERSION } from "./limits.ts";
import { parseLoosely } from "./loose.ts";
import { type AnswerOf, OPERATIONS, type Operation, type OperationName, type RequestOf } from "./operations.ts";
import { parseJson } from "./parse-json.ts";

/** One HTTP request; header names are lower case. An answer longer than `limitBytes` is an error, and so are `idleMs` without a byte. */
export type TransportRequest = {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  limitBytes: number;
  idleMs: number;
  signal?: AbortSignal | undefined;
};
export type TransportAnswer = { status: number; headers: Record<string, string>; body: string };
/** Sends one request once. Whatever keeps an answer from coming is an UnreachableError; an abort throws the signal's reason. */
export type Transport = (request: TransportRequest) => Promise<TransportAnswer>;

/** No answer, or none of a Rendt server. `sent`: the request may have had its effect all the same. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  readonly url: string;
  readonly sent: boolean;
  readonly retryable: boolean;
  readonly hint: string;

  constructor(
    message: string,
    options: { url: string; sent: boolean; retryable?: boolean; hint?: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.url = withoutQuery(options.url);
    this.sent = options.sent;
    this.retryable = options.retryable ?? true;
    this.hint = options.hint ?? "is the server running, and is its URL right? `rendt doctor` looks closer";
  }
}

/** A grant's permission is in its query: neither messages nor logs may show it. */
const withoutQuery = (url: string): string => url.replace(/[?#].*$/s, "");

export type CallOptions = { signal?: AbortSignal | undefined };
type Call<N extends OperationName> =
  Record<never, never> extends RequestOf<N>
    ? (request?: RequestOf<N>, options?: CallOptions) => Promise<AnswerOf<N>>
    : (request: RequestOf<N>, options?: CallOptions) => Promise<AnswerOf<N>>;

/** One method for each operation of the contract. */
export type Client = { [N in OperationName]: Call<N> };

/** Where a server is, and who calls: `url` without a trailing slash may hold a path; `token` is absent for `health`. */
export type Server = { url: string; token?: string | undefined };

const IDLE_MS = 30_000;

/**
 * A typed client of the HTTP contract: one method per operation, one try per call.
 *
 * @example
 * const client = createClient({ url: "http://127.0.0.1:4810", token, transport: fetchTransport });
 * const { items } = await client.get({ ids: ["j0123456789ab"], wait: 10_000 }, { signal });
 *
 * @throws RendtError when the server refuses, UnreachableError when there is no answer.
 */
export function createClient(server: Server & { transport: Transport }): Client {
  const base = checkServerUrl(server.url);
  const common: Record<string, string> = { accept: "application/json", "rendt-protocol": String(PROTOCOL_VERSION) };
  if (server.token !== undefined) common["authorization"] = `Bearer ${server.token}`;

  const call = async (operation: Operation, request: Record<string, unknown> = {}, options: CallOptions = {}) => {
    options.signal?.throwIfAborted();
    const { path, rest } = fillPath(operation.path, request);
    const read = operation.method === "GET";
    const url = base + path + (read ? queryOf(rest) : "");
    const body = read ? undefined : JSON.stringify(rest);
    if (body !== undefined && body.length > MAX_BODY_BYTES)
      throw new RendtError("body_too_large", `the request has ${body.length} bytes, at most ${MAX_BODY_BYTES} go`);
    const answer = await server.transport({
      method: operation.method,
      url,
      headers: body === undefined ? common : { ...common, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
      limitBytes: MAX_BODY_BYTES,
      idleMs: IDLE_MS + (typeof request["wait"] === "number" ? request["wait"] : 0),
      signal: options.signal,
    });
    if (answer.status < 200 || answer.status > 299) throw readRefusal(answer, url);
    return readAnswer(operation.answer, answer, url);
  };
  const calls = Object.entries(OPERATIONS).map(([name, operation]) => [
    name,
    (request?: Record<string, unknown>, options?: CallOptions) => call(operation, request, options),
  ]);
  return Object.fromEntries(calls) as Client;
}

/** The server's URL without a trailing slash; refuses what could send a token astray. */
export function checkServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const wrong =
    url === undefined || !/^https?:$/.test(url.protocol)
      ? "it is no http:// or https:// URL"
      : url.username || url.password || url.search || url.hash
        ? "it holds more than scheme, host, port and path"
        : undefined;
  if (wrong) throw new RendtError("no_server", `can't use the server URL ${JSON.stringify(text)}: ${wrong}`);
  return text.replace(/\/+$/, "");
}

function fillPath(path: string, request: Record<string, unknown>) {
  if (!path.includes(":id")) return { path, rest: request };
  const { id, ...rest } = request;
  return { path: path.replace(":id", encodeURIComponent(String(id))), rest };
}

function queryOf(request: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query}`;
}

function readAnswer(schema: z.ZodType, answer: TransportAnswer, url: string): unknown {
  const parsed = parseLoosely(schema, parseJson(answer.body));
  if (parsed.success) return parsed.data;
  throw strangeAnswer(answer, url, parsed.error);
}

function readRefusal(answer: TransportAnswer, url: string): Error {
  const body = errorBody.safeParse(parseJson(answer.body));
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"]);
  if (body.success) {
    const { error } = body.data;
    const requestId = error.requestId ?? answer.headers["x-request-id"];
    return new AnsweredError({ ...error, status: answer.status, requestId, retryAfterMs });
  }
  const code = codeOfStatus[answer.status];
  // Proxies and gateways answer for a server that is away, in their own words.
  if (code === undefined) return strangeAnswer(answer, url);
  return new AnsweredError({
    code,
    message: `the server answered ${answer.status} without a reason`,
    hint: ERRORS[code].hint,
    status: answer.status,
    retryAfterMs,
  });
}

const codeOfStatus: Partial<Record<number, ErrorCode>> = {
  413: "body_too_large",
  429: "rate_limited",
  500: "internal",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

function strangeAnswer({ status, headers, body }: TransportAnswer, url: string, cause?: unknown): UnreachableError {
  const moved = status >= 300 && status < 400 && headers["location"];
  const start = JSON.stringify(body.slice(0, 80));
  return new UnreachableError(
    `${new URL(url).origin} does not answer like a Rendt server: status ${status}, ${start}`,
    {
      url,
      sent: true,
      retryable: false,
      hint: moved ? `it points to ${moved}: is that the server's URL?` : "is this the URL of a Rendt server?",
      cause,
    },
  );
}

/** Seconds, or an HTTP date (RFC 9110 §10.2.3). */
function readRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
