import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type Seen = { method: string; url: string; headers: IncomingMessage["headers"]; body: string };
export type Reply = { status?: number; headers?: Record<string, string>; body?: string };

/** A real HTTP server that remembers what it was asked and answers as told: `answer` may also take the response into its own hands. */
export async function startHttpServer(answer: (seen: Seen, response: ServerResponse) => Reply | undefined) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const one = { method, url, headers, body: await text(request) };
    seen.push(one);
    const reply = answer(one, response);
    if (reply === undefined) return;
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers }).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
