import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, type Socket as Connection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { ownCertificate } from "../../functions/local/certificate.ts";
import { encodeAnnouncement, hintOf } from "../../lan/announcement.ts";

export const NETWORKS = [{ address: "127.0.0.1", cidr: "127.0.0.1/8" }];
export const ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];

/** Somebody with another key, or with none; `met` resolves when a worker has come and gone. */
export async function openImpostor(kind: "tls" | "plain") {
  const open = new Set<Connection>();
  const outside: Buffer[] = [];
  let inside = 0;
  let meet: () => void;
  const met = new Promise<void>((resolve) => (meet = resolve));
  const hear = (connection: Connection) => {
    open.add(connection);
    connection.on("error", () => undefined);
    connection.on("close", () => meet());
  };
  const server = kind === "tls" ? createTlsServer(await strangersCertificate()) : createServer(greet);
  server.on("connection", hear);
  server.on("secureConnection", (connection) => connection.on("data", (bytes: Buffer) => (inside += bytes.length)));
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    met,
    async close() {
      for (const connection of open) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      return { inside, outside: Buffer.concat(outside).toString("latin1") };
    },
  };

  /** Answers as a server of plain HTTP would, at once and to whatever comes. */
  function greet(connection: Connection): void {
    connection.on("data", (bytes: Buffer) => outside.push(bytes));
    connection.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
  }
}

async function strangersCertificate(): Promise<{ cert: string; key: string }> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
  try {
    return await ownCertificate(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let socket: Promise<Socket> | undefined;

/** Says ten times a second that the server with this key is at this port. */
export function shout({ fingerprint, port, name }: { fingerprint: string; port: number; name: string }) {
  const message = encodeAnnouncement({
    hint: hintOf(fingerprint),
    by: "server",
    name,
    port,
    addresses: ["127.0.0.1"],
  });
  socket ??= openSocket();
  const opened = socket;
  const say = () => void opened.then((ready) => ready.send(message, 5353, "224.0.0.251"));
  say();
  const timer = setInterval(say, 100);
  return {
    async close() {
      clearInterval(timer);
    },
  };
}

async function openSocket(): Promise<Socket> {
  const made = createSocket("udp4");
  await new Promise<void>((resolve) => made.bind(0, "127.0.0.9", resolve));
  made.setMulticastInterface("127.0.0.1");
  made.unref();
  return made;
}
