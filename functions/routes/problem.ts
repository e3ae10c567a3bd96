import { type ErrorBody, RendtError } from "../../contract/errors.ts";

/** Clients that must wait are told how long, also where the refusal itself did not say. */
const DEFAULT_RETRY_AFTER_MS = 1000;

/** A refusal as an answer: our own error object, with the fields of RFC 9457 beside it for generic clients. */
export function problem(error: RendtError, requestId: string): Response {
  const { code, message, hint, status, details } = error;
  const retryAfterMs = error.retryAfterMs ?? (status === 429 || status === 503 ? DEFAULT_RETRY_AFTER_MS : undefined);
  const body = {
    error: { code, message, hint, requestId, details },
    type: `urn:rendt:error:${code}`,
    title: code.replaceAll("_", " "),
    status,
    detail: message,
  } satisfies ErrorBody;
  const headers: Record<string, string> = { "content-type": "application/problem+json", "x-request-id": requestId };
  if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1000));
  // RFC 9110 asks for a challenge beside each 401.
  if (status === 401) headers["www-authenticate"] = `Bearer realm="rendt", error="${code}"`;
  if (code === "method_not_allowed" && Array.isArray(details["allowed"]))
    headers["allow"] = details["allowed"].join(", ");
  // The rest of a body that is too large is not read: the connection can't be used again.
  if (code === "body_too_large") headers["connection"] = "close";
  return new Response(JSON.stringify(body), { status, headers });
}

/**
 * What the asker hears when the server fails: that it is busy or full, when it knows so much; nothing about files and causes, which are in
 * the log under the request id.
 */
export function forStrangers(error: unknown, requestId: string): RendtError {
  if (error instanceof RendtError && error.code === "unavailable") {
    const { retryAfterMs } = error;
    return new RendtError("unavailable", "the server can't reach its store now", { retryAfterMs });
  }
  if (error instanceof RendtError && error.code === "storage_full") {
    return new RendtError("storage_full", "the server has no space left to store this");
  }
  return new RendtError("internal", `the server failed on this request; its log names the cause under ${requestId}`);
}
