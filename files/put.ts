import { AnsweredError } from "../contract/errors.ts";
import type { OneGrant } from "../contract/grant.ts";
import { assertUnchanged, type BlobSource, readSource } from "./blob-source.ts";
import type { Lanes } from "./lanes.ts";
import type { Span } from "./read-file.ts";
import { type Transfer, useGrant } from "./transfer.ts";

type Sending = { grant: OneGrant; transfer: Transfer; lanes: Lanes; span?: Span };

/** Sends a blob, or a piece of it, once, when a lane is free; answers the store's etag. That it is there already is as good. */
export async function put(source: BlobSource, sending: Sending): Promise<string | undefined> {
  const leave = await sending.lanes.enter(sending.transfer.signal);
  try {
    const etag = await putNow(source, sending);
    leave({ bytes: sending.span ? sending.span.end - sending.span.start : source.size });
    return etag;
  } catch (error) {
    leave({ bytes: 0, error });
    throw error;
  }
}

async function putNow(source: BlobSource, { grant, transfer, span }: Sending): Promise<string | undefined> {
  const { start, end } = span ?? { start: 0, end: source.size };
  const size = end - start;
  // Of a part that broke off before, only what lacks is sent.
  const { from, url, headers: given } = grant.rest ?? { from: 0, url: grant.url, headers: grant.headers };
  let sent = 0;
  let over = false;
  const count = (bytes: number) => {
    // The piece on its way when the line broke is told of later.
    if (over) return;
    sent += bytes;
    transfer.onBytes?.(bytes);
  };
  try {
    count(from);
    const headers = lacking({ "content-length": String(size - from) }, given);
    const pieces = readSource(source, { start: start + from, end });
    const body = counted(transfer.up?.rate?.pace(pieces, transfer.signal) ?? pieces, count);
    const answer = await useGrant(transfer, { grant: { ...grant, url, headers: given }, headers, body });
    answer.body.resume();
    return answer.headers["etag"];
  } catch (error) {
    if (error instanceof AnsweredError && error.code === "exists") {
      count(size - sent);
      over = true;
      return undefined;
    }
    count(-sent);
    over = true;
    if (error instanceof AnsweredError && error.code === "wrong_content") await assertUnchanged(source);
    throw error;
  }
}

async function* counted(pieces: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    yield piece;
    count(piece.length);
  }
}

/** Headers that the grant does not bring itself, in whatever case. */
function lacking(headers: Record<string, string>, given: Record<string, string>): Record<string, string> {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
}
