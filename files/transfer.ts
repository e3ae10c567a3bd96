import type { Client } from "../contract/client.ts";
import { AnsweredError, ERRORS, type ErrorCode, errorBody } from "../contract/errors.ts";
import type { Grant, GrantRequest, OneGrant } from "../contract/grant.ts";
import type { BlobRef } from "../contract/manifest.ts";
import { parseJson } from "../contract/parse-json.ts";
import type { RetryPolicy } from "../contract/retry.ts";
import { readText, type StreamedAnswer } from "./exchange.ts";
import type { Lanes } from "./lanes.ts";
import type { NodeHttp } from "./node-http.ts";
import type { Rate } from "./rate.ts";

/** What moving blobs needs: whom to ask for grants and what for, and how to send bytes. */
export type Transfer = {
  /** One that tries again (createRetryingClient): grants are asked for through it. */
  client: Client;
  http: NodeHttp;
  /** The server's URL; grants of the embedded server are relative to it. */
  url: string;
  /** `input` or `deliver` for uploads, `output` or `fetch` for downloads. */
  entryOf: (blob: BlobRef) => GrantRequest;
  /** Grants that came unasked with another answer, by SHA-256. */
  grants?: Readonly<Record<string, Grant>> | undefined;
  policy?: RetryPolicy | undefined;
  /** Hears of bytes as they move; negative when they have to move once more. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** What all transfers of a program share: how many at once, and how fast at most. Made for the one call when absent. */
  up?: Line | undefined;
  down?: Line | undefined;
  signal?: AbortSignal | undefined;
};
export type Line = { lanes: Lanes; rate?: Rate | undefined };

export type Exchange = {
  grant: OneGrant;
  headers?: Record<string, string>;
  body?: AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
};

const ERROR_BYTES = 64 * 1024;

/** Uses a grant once: sends exactly its request and answers when the store took it; its refusal is an AnsweredError. */
export async function useGrant(
  transfer: Pick<Transfer, "http" | "url" | "signal">,
  { grant, headers, body, signal }: Exchange,
): Promise<StreamedAnswer> {
  const url = resolveGrantUrl(transfer.url, grant.url);
  const answer = await transfer.http.send({
    method: grant.method,
    url,
    headers: { ...grant.headers, ...headers },
    body,
    signal: signal ?? transfer.signal,
  });
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw readRefusal(answer, await readText(answer, { url, limitBytes: ERROR_BYTES, signal }));
}

export const resolveGrantUrl = (server: string, url: string): string =>
  /^https?:\/\//.test(url) ? url : `${server.replace(/\/+$/, "")}/${url.replace(/^\/+/, "")}`;

/** The embedded store answers with our error body, S3 with XML. */
function readRefusal({ status }: StreamedAnswer, text: string): AnsweredError {
  const body = errorBody.safeParse(parseJson(text));
  if (body.success) return new AnsweredError({ ...body.data.error, status });
  const code = codeOfStatus[status] ?? (status >= 500 ? "unavailable" : "internal");
  const reason = /<Code>([^<]*)</.exec(text)?.[1];
  const message = `the object store answered ${status}${reason ? ` ${reason}` : ""}`;
  return new AnsweredError({ code, message, hint: ERRORS[code].hint, status });
}

const codeOfStatus: Partial<Record<number, ErrorCode>> = {
  400: "wrong_content",
  403: "grant_refused",
  404: "not_found",
  409: "conflict",
  412: "exists",
  429: "rate_limited",
  507: "storage_full",
};

/** Says what a grant that was not given says. */
export function asGrantRefusal(grant: { code: string; message: string }): AnsweredError {
  const hint = Object.hasOwn(ERRORS, grant.code) ? ERRORS[grant.code as ErrorCode].hint : "";
  return new AnsweredError({ ...grant, hint, status: 403 });
}
