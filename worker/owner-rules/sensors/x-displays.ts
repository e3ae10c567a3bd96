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

/** Anybody of this machine may make sockets there. Those of people have the lowest numbers. */
const MOST = 64;

/** Tells which of these sockets are of this worker's own tasks. */
export type OwnSockets = (paths: readonly string[]) => Promise<ReadonlySet<string>>;

/** The X servers that listen on this machine, whoever started them, but for those of tasks. */
export function createDisplays({ sockets, keys, own }: { sockets: string; keys: Keys; own: OwnSockets }) {
  const servers = new Map<number, { server: XServer; silent?: { at: number; told: Display[] } | undefined }>();
  let known: { at: number; numbers: number[]; unasked: Display[] } | undefined;

  async function look(now: number) {
    if (known && Math.abs(now - known.at) <= AGAIN_MS) return known;
    const names = (await namesIn(sockets)).filter((name) => /^X(0|[1-9]\d{0,4})$/.test(name));
    const found = names.map((name) => Number(name.slice(1))).sort((a, b) => a - b);
    const asked = found.slice(0, MOST);
    const ours = await own(asked.map(pathOf));
    const numbers = asked.filter((number) => !ours.has(pathOf(number)));
    for (const [number, { server }] of servers) if (!numbers.includes(number)) forget(number, server);
    const unasked = found.slice(MOST, MOST + 1).map((number) => ({ number, why: tooMany(found.length) }));
    known = { at: now, numbers, unasked };
    return known;
  }

  const pathOf = (number: number) => join(sockets, `X${number}`);

  function forget(number: number, server: XServer): void {
    servers.delete(number);
    server.close();
  }

  /** None of one that is gone and has left its socket. */
  async function ask(number: number, now: number): Promise<Display[]> {
    const path = pathOf(number);
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

  return async (now: number): Promise<Display[]> => {
    const { numbers, unasked } = await look(now);
    return [...(await Promise.all(numbers.map((number) => ask(number, now)))).flat(), ...unasked];
  };
}

const tooMany = (count: number): string => `${count} sockets lie there, and no more than the first ${MOST} are asked`;
