import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { fingerprintOf, ownCertificate } from "../../functions/local/certificate.ts";

export const LOOPBACK = [{ address: "127.0.0.1", cidr: "127.0.0.1/8" }];
export const networks = () => LOOPBACK;

export type Somebody = {
  fingerprint: string;
  port: number;
  origin: string;
  /** Connections that came, and bytes that they sent inside TLS. */
  met: { connections: number; bytes: number };
  close(): Promise<void>;
};

/** Somebody with a key who listens on loopback and notes what is told to them. */
export async function openSomebody(at = 0): Promise<Somebody> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-lan-"));
  const tls = await ownCertificate(folder);
  rmSync(folder, { recursive: true });
  const met = { connections: 0, bytes: 0 };
  const open = new Set<TLSSocket>();
  const server = createServer(tls);
  server.on("connection", () => (met.connections += 1));
  server.on("secureConnection", (socket: TLSSocket) => {
    open.add(socket);
    socket.on("data", (bytes: Buffer) => (met.bytes += bytes.length));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    fingerprint: fingerprintOf(tls.cert),
    port,
    origin: `https://127.0.0.1:${port}`,
    met,
    close() {
      for (const socket of open) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A stranger who says anything to everybody, from any address of this machine. */
export async function openStranger(from: string): Promise<{ say(message: Buffer): Promise<void>; close(): void }> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  socket.setMulticastInterface("127.0.0.1");
  return {
    say: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, 5353, "224.0.0.251", (error) => (error ? reject(error) : resolve())),
      ),
    close: () => socket.close(),
  };
}
