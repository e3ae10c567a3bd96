import { createServer, connect as dial, type Socket } from "node:net";

/** A line between a client and a server of this machine, which breaks when it is told to. */
export type Line = {
  url: string;
  /** Connections that were broken. */
  readonly cuts: number;
  /** What came from the client's side, for those who count requests. */
  sent(): string;
  close(): Promise<void>;
};

/** `cutAfter`: how many bytes each new connection may carry towards the client before it breaks, if it ever does. */
export async function openLine(to: string, cutAfter: () => number = () => Number.POSITIVE_INFINITY): Promise<Line> {
  const { port, hostname } = new URL(to);
  const open = new Set<Socket>();
  const sent: Buffer[] = [];
  let cuts = 0;
  const server = createServer((client) => {
    const far = dial(Number(port), hostname);
    let left = cutAfter();
    for (const socket of [client, far]) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        far.destroy();
      });
    }
    client.on("data", (bytes) => {
      sent.push(bytes);
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      left -= bytes.length;
      if (left > 0) return void client.write(bytes);
      cuts += 1;
      client.write(bytes.subarray(0, bytes.length + left));
      client.destroySoon();
      far.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts;
    },
    sent: () => Buffer.concat(sent).toString("latin1"),
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
