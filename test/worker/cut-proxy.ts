import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Stands between a worker and its server: notes what is asked and answered, and can cut those who wait. */
export async function openProxy(target: string) {
  const slow = new Map<string, number>();
  const seen: string[] = [];
  const waiting = new Map<Socket, string>();
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? "";
    const chunks: Buffer[] = [];
    waiting.set(incoming.socket, path);
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const asked = `${path} asked${body.includes('"renew":false') ? " to listen" : ""}`;
      seen.push(asked);
      const { method, headers } = incoming;
      const send = () => {
        const forward = request(
          target + path,
          { method, headers: { ...headers, host: new URL(target).host } },
          (answer) => {
            answer.once("end", () => {
              seen.push(`${path} answered`);
              waiting.delete(incoming.socket);
            });
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(outgoing);
          },
        );
        forward.on("error", () => outgoing.destroy());
        outgoing.once("close", () => forward.destroy());
        forward.end(body);
      };
      setTimeout(send, asked.endsWith("listen") ? 0 : (slow.get(path) ?? 0));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    /** Lets requests of this path wait; those that only listen pass. */
    delay: (path: string, ms: number) => void slow.set(path, ms),
    /** Breaks the connections on which a question of this path is open. */
    cut(path: string): void {
      for (const [socket, asked] of waiting) if (asked === path) socket.destroy();
    },
  };
}
