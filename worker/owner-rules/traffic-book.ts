import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import type { Socket } from "node:net";
import * as z from "zod";

/** Bytes that this program sent and received by HTTP today, by the clock on the wall; kept over restarts. */
export type TrafficBook = { today(): number; close(): void };

const page = z.object({ day: z.string(), bytes: z.int().min(0) });

/** A crash forgets no more than this; to write more often would wear out the disk for nothing. */
const WRITE_EVERY_BYTES = 1024 * 1024;
const CHANNEL = "http.client.request.start";

export function openTrafficBook(path: string, wall: () => number): TrafficBook {
  const counted = new Map<Socket, number>();
  let { day, bytes } = read(path) ?? { day: dayOf(wall()), bytes: 0 };
  let written = bytes;

  function count(socket: Socket): void {
    const total = socket.bytesRead + socket.bytesWritten;
    bytes += total - (counted.get(socket) ?? 0);
    counted.set(socket, total);
  }

  function follow(socket: Socket): void {
    if (counted.has(socket)) return;
    counted.set(socket, 0);
    socket.once("close", () => {
      count(socket);
      counted.delete(socket);
    });
  }

  const hear = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    if (request.socket) follow(request.socket);
    else request.once("socket", follow);
  };
  subscribe(CHANNEL, hear);

  function today(): number {
    const now = dayOf(wall());
    for (const socket of counted.keys()) count(socket);
    if (now !== day) {
      day = now;
      bytes = 0;
      written = 0;
    }
    if (bytes - written >= WRITE_EVERY_BYTES) write();
    return bytes;
  }

  function write(): void {
    written = bytes;
    try {
      writeFileSync(`${path}.new`, JSON.stringify({ day, bytes }), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch {
      // A full disk is told by those whose work it is to write; the count goes on in memory.
    }
  }

  return {
    today,
    close() {
      unsubscribe(CHANNEL, hear);
      today();
      if (bytes > written) write();
    },
  };
}

/** A book that can't be read is begun anew: it is cut by nothing but a full disk. */
function read(path: string): z.infer<typeof page> | undefined {
  try {
    return page.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

function dayOf(now: number): string {
  const date = new Date(now);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
