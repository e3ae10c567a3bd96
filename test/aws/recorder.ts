import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import { buffer } from "node:stream/consumers";

/** One request and its answer, as they went over the wire. */
export type Exchange = {
  /** Who asked: a client by the Function URL, a client by a grant, or the Lambda itself with its role's signature. */
  from: "api" | "grant" | "aws";
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  status: number;
  answer: string;
};

export type Answer = { status: number; headers?: Record<string, string>; body: string };
/** What is done to a request instead of passing it on: another answer, or the real answer lost on its way back. */
export type Fault = (
  asked: Pick<Exchange, "from" | "method" | "url" | "headers" | "body">,
) => Answer | "lost" | undefined;

export type Recorder = {
  /** Where clients and Lambda find the emulator. */
  endpoint: string;
  /** Stands in for the Function URL, whose host has no DNS entry here; tell its name with `serve`. */
  apiUrl: string;
  serve(host: string): void;
  exchanges: Exchange[];
  meet(fault: Fault | undefined): void;
  close(): Promise<void>;
};

const KEPT_BYTES = 256 * 1024;

/** Passes everything on to the emulator and keeps what it saw: nothing of the product knows that it is there. */
export async function startRecorder(options: {
  emulator: URL;
  port: number;
  cert: string;
  key: string;
}): Promise<Recorder> {
  const tls = { cert: readFileSync(options.cert), key: readFileSync(options.key) };
  // A connection each: the emulator refuses an upload before it has read it, and what comes next on that connection hangs for a minute.
  // Its name for TLS; else Node would take that of the Host header, which is the Function URL's.
  const agent = new Agent({ keepAlive: false, ca: tls.cert, servername: "localhost" });
  const exchanges: Exchange[] = [];
  let fault: Fault | undefined;
  let host = "";

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse, api: boolean): Promise<void> {
    const sent = await buffer(incoming);
    const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    const { method = "GET", url = "/" } = incoming;
    const from = api ? "api" : "authorization" in headers ? "aws" : "grant";
    const planned = fault?.({ from, method, url, headers, body: sent.toString("latin1") });
    const given =
      planned !== undefined && planned !== "lost"
        ? { status: planned.status, headers: planned.headers ?? {}, body: Buffer.from(planned.body) }
        : await forward({ method, url, headers: api ? { ...headers, host } : headers, body: sent });
    const text = (bytes: Buffer) => bytes.toString("latin1", 0, KEPT_BYTES);
    exchanges.push({ from, method, url, headers, body: text(sent), status: given.status, answer: text(given.body) });
    if (planned === "lost") return void outgoing.destroy();
    outgoing.writeHead(given.status, given.headers).end(given.body);
  }

  type Request = { method: string; url: string; headers: Record<string, string>; body: Buffer };
  function forward({ method, url, headers, body }: Request) {
    const { hostname, port } = options.emulator;
    const { "transfer-encoding": _, ...sent } = headers;
    // Chunks that were joined again have a length; what came without a body goes on without one.
    if (body.length > 0) sent["content-length"] = String(body.length);
    return new Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }>((resolve, reject) => {
      const call = request({ agent, hostname, port, method, path: url, headers: sent }, (response) => {
        const { "transfer-encoding": _, connection: __, "keep-alive": ___, ...answered } = response.headers;
        buffer(response).then(
          (bytes) => resolve({ status: response.statusCode ?? 0, headers: answered, body: bytes }),
          reject,
        );
      });
      call.on("error", reject).end(body);
    });
  }

  const listen = async (api: boolean, port: number) => {
    const server = createServer(tls, (incoming, outgoing) => {
      pass(incoming, outgoing, api).catch((error: unknown) => {
        console.error("recorder:", error);
        outgoing.destroy();
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the recorder has no port");
    return { server, url: `https://127.0.0.1:${address.port}` };
  };
  const [aws, api] = [await listen(false, options.port), await listen(true, 0)];
  return {
    endpoint: aws.url,
    apiUrl: api.url,
    exchanges,
    serve(name) {
      host = name;
    },
    meet(next) {
      fault = next;
    },
    async close() {
      for (const { server } of [aws, api]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      agent.destroy();
    },
  };
}
