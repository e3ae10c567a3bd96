import { checkServerUrl } from "../contract/client.ts";
import { openServer } from "../sdk/open-server.ts";
import type { Call } from "./command.ts";
import { usage } from "./failure.ts";
import { assertPrivate, keepTokens } from "./keep-token.ts";

/**
 * A code as it is passed on, its parts joined by dots: what the server made; the fingerprint of the server's certificate, if that is to be
 * pinned; in a worker's, the key of the operator, who may publish builds.
 */
const CODE = /^([0-9a-z-]{16,24})(?:\.([0-9a-f]{64}))?(?:\.([\w-]{43}))?$/i;

export const writeCode = (code: string, proofs: { fingerprint: string | undefined; publisher: string | undefined }) =>
  [code, proofs.fingerprint?.replaceAll(":", "").toLowerCase(), proofs.publisher]
    .filter((part) => part !== undefined)
    .join(".");

/** Takes a code apart; the fingerprint tells which server it is good at. */
export function readCode(text: string): {
  code: string;
  fingerprint: string | undefined;
  publisher: string | undefined;
} {
  const [, code, fingerprint, publisher] = CODE.exec(text.trim()) ?? [];
  if (code !== undefined) return { code, fingerprint, publisher };
  throw usage("--code is not whole: copy it as `rendt enroll create` printed it, to its last character");
}

/** Swaps a code for a token at the server that the code's fingerprint proves, and saves it; answers what it is good for. */
export async function enrollWith(call: Call, given: { url: string; code: string; note?: string | undefined }) {
  const url = checkServerUrl(given.url);
  assertPrivate(url, call.options);
  const { code, fingerprint, publisher } = readCode(given.code);
  const pin = fingerprint === undefined ? undefined : { origin: new URL(url).origin, fingerprint };
  // Once: a code that was swapped is used up, also when its answer was lost.
  const server = openServer({ url, ...(pin && { pin }) });
  try {
    const { text, role, account, expiresAt } = await server.client.enroll({ code, note: given.note });
    const profile = keepTokens(call, { url, tokens: { [role]: text }, fingerprint, publisher });
    return { profile, role, account, url, expiresAt };
  } finally {
    server.close();
  }
}
