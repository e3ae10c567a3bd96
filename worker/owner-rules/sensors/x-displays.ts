import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../contract/errors.ts";
import { namesIn } from "./read.ts";
import { findCookies, type Keys } from "./x-authority.ts";
import { createXServer, isGone, type XServer } from "./x-server.ts";

/** What an X server of this machine tells: how long it has been idle, or why that is not known. */
export type Display = { number: number; seconds?: number; why?: string };

/** Servers come and go more slowly than this, and one that refuses is not asked more often. */
const AGAIN_MS = 10_000;

/** Tells which of these sockets are of this worker's own tasks. */
export type OwnSockets = (paths: readonly string[]) => Promise<ReadonlySet<string>>;

/** The X servers that listen on this machine, whoever started them, but for those of tasks. */
export function createDisplays({ sockets, keys, own }: { sockets: string; keys: Keys; own: OwnSockets }) {
  const servers = new Map<number, { server: XServer; silent?: { at: number; told: Display[] } | undefined }>();
  let known: { at: number; numbers: number[] } | undefined;

  async function numbers(now: number): Promise<number[]> {
    if (!known || Math.abs(now - known.at) > AGAIN_MS) {
      const found = (await namesIn(sockets)).filter((name) => /^X\d+$/.test(name));
      const ours = await own(found.map((name) => join(sockets, name)));
      const others = found.filter((name) => !ours.has(join(sockets, name)));
      known = { at: now, numbers: others.map((name) => Number(name.slice(1))) };
    }
    return known.numbers;
  }

  /** None of one that is gone and has left its socket. */
  async function ask(number: number, now: number): Promise<Display[]> {
    const path = join(sockets, `X${number}`);
    const cookies = async () => findCookies(number, keys, (await lstat(path)).uid);
    const place = servers.get(number) ?? { server: createXServer(path, cookies) };
    servers.set(number, place);
    if (place.silent && Math.abs(now - place.silent.at) <= AGAIN_MS) return place.silent.told;
    place.silent = undefined;
    try {
      const seconds = await place.server.idleSeconds();
      if (seconds !== undefined) return [{ number, seconds }];
      place.silent = { at: now, told: [{ number, why: "it serves a Wayland desktop" }] };
    } catch (error) {
      place.silent = { at: now, told: isGone(error) ? [] : [{ number, why: messageOf(error) }] };
    }
    return place.silent.told;
  }

  return async (now: number): Promise<Display[]> =>
    (await Promise.all((await numbers(now)).map((number) => ask(number, now)))).flat();
}
