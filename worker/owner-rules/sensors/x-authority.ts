import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { namesIn } from "./read.ts";
import { COOKIE } from "./x-message.ts";

/** A user has one key for a display; more are leavings of earlier names of the machine. */
const MOST_COOKIES = 8;
const MOST_BYTES = 64 * 1024;

/** Where to look beside the usual places: the file that XAUTHORITY names. */
export type Keys = { run: string; file?: string | undefined };

/**
 * The keys to a display that this user may read: in the user's home, and where display managers put them. Root finds everybody's. They are
 * for a server of `owner`: whoever else listens under that number, as anybody may, is told root's and other users' by nobody.
 */
export async function findCookies(display: number, { run, file }: Keys, owner: number): Promise<Buffer[]> {
  const homes = process.getuid?.() === 0 ? (await namesIn("/home")).map((name) => join("/home", name)) : [];
  const users = (await namesIn(join(run, "user"))).map((uid) => join(run, "user", uid));
  const besides = await Promise.all(
    users.map(async (folder) => {
      const keys = (await namesIn(folder)).filter((name) => /^(xauth_|\.mutter-Xwaylandauth)/.test(name));
      return ["gdm/Xauthority", ...keys].map((name) => join(folder, name));
    }),
  );
  const paths = [
    ...(file ? [file] : []),
    ...[homedir(), ...homes].map((folder) => join(folder, ".Xauthority")),
    ...besides.flat(),
  ];
  const files = await Promise.all(paths.map((path) => readPlain(path, owner).catch(() => Buffer.alloc(0))));
  const found = files.flatMap((bytes) => readAuthority(bytes, display)).map((cookie) => cookie.toString("hex"));
  return [...new Set(found)].slice(0, MOST_COOKIES).map((hex) => Buffer.from(hex, "hex"));
}

/** What lies in others' homes may be a pipe that never ends or a link to a device, for which root's worker must not fall. */
async function readPlain(path: string, owner: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stats = await file.stat();
    const isForIt = owner === 0 || stats.uid === owner;
    return isForIt && stats.isFile() && stats.size <= MOST_BYTES ? await file.readFile() : Buffer.alloc(0);
  } finally {
    await file.close();
  }
}

/** Entries of address family, address, display, kind and key, each with its length (Xau(3)); what is cut off is left out. */
export function readAuthority(bytes: Buffer, display: number): Buffer[] {
  const cookies: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    at += 2;
    const parts: Buffer[] = [];
    for (let part = 0; part < 4; part += 1) {
      if (at + 2 > bytes.length) return cookies;
      const end = at + 2 + bytes.readUInt16BE(at);
      if (end > bytes.length) return cookies;
      parts.push(bytes.subarray(at + 2, end));
      at = end;
    }
    const [, number, kind, key] = parts;
    const isOfIt = number?.length === 0 || number?.toString("latin1") === String(display);
    if (key && isOfIt && kind?.toString("latin1") === COOKIE) cookies.push(key);
  }
  return cookies;
}
