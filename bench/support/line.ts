import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { createRate } from "../../files/rate.ts";

/** A line between a program and a server that tells what moved on it, is as fast as it is told to be, and can be cut. */
export type Line = {
  url: string;
  /** Bytes that came from the program, those included that a cut lost; and that went to it. */
  readonly up: number;
  down: number;
  /** Of `up` those that it carried before they were lost: the others lay in buffers of this machine, behind its rate. */
  carried: number;
  /** Hears of each piece that moved. */
  heard: (() => void) | undefined;
  /** Breaks all connections. */
  cut(): void;
  close(): void;
};

/** `upRate`: bytes a second towards the server, all connections together. */
export async function openLine(target: string, { upRate }: { upRate?: number } = {}): Promise<Line> {
  const { protocol, hostname, port } = new URL(target);
  const rate = upRate === undefined ? undefined : createRate(upRate);
  const sockets = new Set<Socket>();
  const nears = new Set<Socket>();
  let up = 0;
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true });
    for (const socket of [near, far]) sockets.add(socket);
    nears.add(near);
    near.once("close", () => {
      if (nears.delete(near)) up += near.bytesRead;
    });
    const end = () => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) socket.on("error", end).once("close", end);
    pump(rate ? rate.pace(near) : near, far, (bytes) => {
      line.carried += bytes;
      line.heard?.();
    });
    pump(far, near, (bytes) => {
      line.down += bytes;
      line.heard?.();
    });
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const line: Line = {
    url: `${protocol}//127.0.0.1:${address.port}`,
    get up() {
      return [...nears].reduce((sum, { bytesRead }) => sum + bytesRead, up);
    },
    down: 0,
    carried: 0,
    heard: undefined,
    cut() {
      up += unreadBytes(address.port);
      for (const socket of sockets) socket.destroy();
    },
    close() {
      line.cut();
      server.close();
    },
  };
  return line;
}

/** What can't go on ends: the other side then sees its connection broken. */
function pump(from: AsyncIterable<Uint8Array>, to: Socket, tell: (bytes: number) => void): void {
  const run = async () => {
    for await (const piece of from) {
      tell(piece.length);
      await new Promise<void>((resolve, reject) => to.write(piece, (error) => (error ? reject(error) : resolve())));
    }
    to.end();
  };
  run().catch(() => to.destroy());
}

/** What the system has taken in on connections to a port and no program has read: rx_queue of /proc/net/tcp. */
function unreadBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  return rows.reduce((sum, row) => {
    const [, at = "", , , queues = ""] = row.trim().split(/\s+/);
    return at.endsWith(local) ? sum + Number.parseInt(queues.split(":")[1] ?? "0", 16) : sum;
  }, 0);
}
