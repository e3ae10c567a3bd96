import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { UnreachableError } from "../contract/client.ts";
import { messageOf, RendtError } from "../contract/errors.ts";

/** One request whose body and answer may be streams. A stream's length is in the header `content-length`. */
export type Sending = {
  method: string;
  url: string;
  headers: Record<string, string>;
  /** A piece may be overwritten by its maker once the next is asked for. */
  body?: string | AsyncIterable<Uint8Array> | undefined;
  idleMs?: number | undefined;
  signal?: AbortSignal | undefined;
};
export type StreamedAnswer = { status: number; headers: Record<string, string>; body: IncomingMessage };
export type Head = { method: string; headers: OutgoingHttpHeaders; signal?: AbortSignal | undefined };

const IDLE_MS = 60_000;
const CONNECT_MS = 10_000;
/** Bodies from here on wait for "100 Continue": a refusal then comes before the bytes and can't be lost in a reset. */
const EXPECT_FROM_BYTES = 1024 * 1024;
const CONTINUE_MS = 1_000;

/** Sends one request and answers as soon as the answer's head is there; its body must be read or destroyed. */
export function exchange(sending: Sending, open: (head: Head) => ClientRequest): Promise<StreamedAnswer> {
  const { method, body, signal } = sending;
  const { headers, expects } = headersOf(sending);
  return new Promise((resolve, reject) => {
    let connected = false;
    let answered = false;
    let continuing: NodeJS.Timeout | undefined;
    let ownFault: Error | undefined;
    const call = open({ method, headers, signal });

    const fail = (error: unknown) => {
      clearTimeout(continuing);
      reject(ownFault ?? asUnreachable(error, { ...sending, sent: connected }));
    };
    const sendBody = () => {
      clearTimeout(continuing);
      if (typeof body !== "object") return void call.end(body);
      pour(body, call, () => answered).catch((error: Error) => {
        if (answered) return;
        // A file that can't be read is the caller's news, not a failed connection.
        ownFault = error;
        call.destroy(error);
      });
    };
    call.once("error", fail);
    const connecting = setTimeout(() => call.destroy(new Error("no connection in time")), CONNECT_MS);
    call.once("close", () => clearTimeout(connecting));
    call.once("socket", (socket) => {
      const settle = () => {
        connected = true;
        clearTimeout(connecting);
      };
      if (socket.connecting) socket.once("connect", settle);
      else settle();
    });
    call.setTimeout(sending.idleMs ?? IDLE_MS, () => call.destroy(new Error("nothing came for too long")));
    call.once("response", (answer) => {
      answered = true;
      clearTimeout(continuing);
      call.off("error", fail).on("error", (error) => answer.destroy(error));
      if (!call.writableEnded) {
        // Refused early: the rest of the body has no reader, so this connection ends with its answer.
        answer.once("close", () => call.destroy());
      }
      resolve({ status: answer.statusCode ?? 0, headers: flat(answer), body: answer });
    });
    if (expects) {
      let sending = false;
      const go = () => {
        if (!sending) sendBody();
        sending = true;
      };
      call.once("continue", go);
      call.once("socket", () => (continuing = setTimeout(go, CONTINUE_MS)));
    } else {
      sendBody();
    }
  });
}

/** Each piece is in the kernel's hands before the next is asked for: that is back-pressure, and lets a reader use two buffers in turn. */
async function pour(body: AsyncIterable<Uint8Array>, call: ClientRequest, answered: () => boolean): Promise<void> {
  for await (const piece of body) {
    if (answered()) return;
    const written = await isWritten(piece, call);
    // Why it failed is told by the error of the call itself.
    if (!written) return;
  }
  if (!answered()) call.end();
}

/** False also when the connection went with the piece on its way: then nobody tells the writer, and the body has files to close. */
function isWritten(piece: Uint8Array, call: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = () => resolve(false);
    call.once("close", gone);
    call.write(piece, (error) => {
      call.off("close", gone);
      resolve(!error);
    });
  });
}

/** Reads an answer as text; longer than `limitBytes` is refused. */
export async function readText(
  answer: StreamedAnswer,
  request: { url: string; limitBytes: number; signal?: AbortSignal | undefined },
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.length;
      if (bytes > request.limitBytes)
        throw new RendtError("body_too_large", `the answer is longer than ${request.limitBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof RendtError ? error : asUnreachable(error, { ...request, sent: true });
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What a failed connection is to the caller: the reason of its own abort, else an UnreachableError. */
export function asUnreachable(
  error: unknown,
  request: { url: string; sent: boolean; signal?: AbortSignal | undefined },
): unknown {
  if (request.signal?.aborted) return request.signal.reason;
  if (error instanceof UnreachableError) return error;
  const text = messageOf(error);
  return new UnreachableError(`can't reach ${new URL(request.url).origin}: ${text}`, { ...request, cause: error });
}

function headersOf({ headers, body }: Sending): { headers: OutgoingHttpHeaders; expects: boolean } {
  if (body === undefined) return { headers, expects: false };
  if (typeof body === "string")
    return { headers: { ...headers, "content-length": Buffer.byteLength(body) }, expects: false };
  const length = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-length")?.[1];
  if (Number(length) < EXPECT_FROM_BYTES) return { headers, expects: false };
  return { headers: { ...headers, expect: "100-continue" }, expects: true };
}

function flat(answer: IncomingMessage): Record<string, string> {
  const entries = Object.entries(answer.headers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : `${value}`]),
  );
}
