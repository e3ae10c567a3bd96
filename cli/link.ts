import { openServer, type Server } from "../sdk/open-server.ts";
import type { Call } from "./command.ts";
import { usage } from "./failure.ts";
import { reach } from "./server.ts";

/**
 * A link as it is passed on: the server's URL, and behind `#`, which browsers keep to themselves, the capability; behind a dot the
 * fingerprint of the server's certificate, if it made that itself.
 */
const LINK = /^(https?:\/\/[^#\s]+?)\/?#(rendt_link_(j[0-9a-z]{12})_[0-9a-z_]+)(?:\.([0-9a-f]{64}))?$/;

export function writeLink(url: string, link: string, fingerprint: string | undefined): string {
  const pin = fingerprint === undefined ? "" : `.${fingerprint.replaceAll(":", "").toLowerCase()}`;
  return `${url}/#${link}${pin}`;
}

/** The server that a reading verb speaks to, and the words that name the job: a link brings both with it. */
export function reachByLink(
  call: Call,
  patience: "brief" | "patient" = "brief",
): { server: Server; words: readonly string[] } {
  const [first = "", ...more] = call.words;
  if (!first.includes("#")) return { server: reach(call, "submitter", patience), words: call.words };
  const [, url, link, job, fingerprint] = LINK.exec(first) ?? [];
  if (url === undefined || link === undefined || job === undefined) {
    throw usage(
      `${JSON.stringify(first.replace(/#.*$/s, "#…"))} is no whole link`,
      "copy it as `rendt link` printed it, in quotes",
    );
  }
  const pin = fingerprint === undefined ? undefined : { origin: new URL(url).origin, fingerprint };
  return { server: openServer({ url, token: link, ...(pin && { pin }) }), words: [job, ...more] };
}
