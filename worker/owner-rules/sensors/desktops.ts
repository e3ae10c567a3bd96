import { connect } from "node:net";
import { join } from "node:path";
import { messageOf } from "../../../contract/errors.ts";
import { type Bus, createBus } from "./dbus.ts";
import { ownSockets } from "./own-sockets.ts";
import { namesIn, textOf } from "./read.ts";
import { createDisplays, type Display, type OwnSockets } from "./x-displays.ts";

/** Seconds since each desktop session of this machine was used; throws when one can't be told. */
export type Desktops = {
  idleSeconds(now: number): Promise<number[]>;
  /** Why a desktop here can't be watched; undefined when there is none, or when it can be. */
  missing(now: number): Promise<string | undefined>;
};

/** A desktop of somebody who has logged in; `greeter`: what asks for that. `display`: of the X server that it runs on. */
type Session = { id: string; uid: string; type: string; greeter: boolean; display: number | undefined };

/** What runs here; `waylands` are sockets of Wayland desktops. */
type Found = { sessions: Session[]; waylands: string[] };

/** Sessions come and go more slowly than this. */
const SESSIONS_MS = 10_000;
/** A desktop that does not offer what GNOME offers is asked for it again after so long: it may have been starting. */
const AGAIN_MS = 60_000;
const MUTTER = {
  destination: "org.gnome.Mutter.IdleMonitor",
  path: "/org/gnome/Mutter/IdleMonitor/Core",
  interface: "org.gnome.Mutter.IdleMonitor",
  member: "GetIdletime",
};

export function createDesktops({
  run = "/run",
  xSockets = "/tmp/.X11-unix",
  xAuthority,
  own = ownSockets,
}: {
  run?: string;
  xSockets?: string;
  xAuthority?: string | undefined;
  own?: OwnSockets;
} = {}): Desktops {
  const system = createBus(join(run, "dbus/system_bus_socket"));
  const askDisplays = createDisplays({ sockets: xSockets, keys: { run, file: xAuthority }, own });
  const mutters = new Map<string, { bus: Bus; notBefore: number }>();
  let known: { at: number; found: Promise<Found> } | undefined;

  function look(now: number): Promise<Found> {
    if (!known || Math.abs(now - known.at) > SESSIONS_MS) known = { at: now, found: findDesktops(run) };
    return known.found;
  }

  async function idleSeconds(now: number): Promise<number[]> {
    const [{ sessions, waylands }, displays] = await Promise.all([look(now), askDisplays(now)]);
    // Desktops that logind knows of are asked below, whatever else of them can't be.
    if (sessions.length === 0) assertWatched(waylands, displays);
    const byX = new Map(displays.flatMap(({ number, seconds }) => (seconds === undefined ? [] : [[number, seconds]])));
    const users = sessions.filter(({ greeter }) => !greeter);
    return [...byX.values(), ...(await Promise.all(users.map((session) => idleOf(session, byX, now))))];
  }

  /** X tells to the millisecond, and so does GNOME on Wayland; of any other desktop logind knows whether it calls itself idle. */
  async function idleOf(session: Session, byX: ReadonlyMap<number, number>, now: number): Promise<number> {
    const { type, display = -1 } = session;
    // On Wayland an X server serves some of the windows only.
    const seconds = type === "x11" ? byX.get(display) : undefined;
    return seconds ?? (await askMutter(session, now)) ?? (await askLogind(session, now));
  }

  async function askMutter({ uid }: Session, now: number): Promise<number | undefined> {
    const mutter = mutters.get(uid) ?? { bus: createBus(join(run, "user", uid, "bus")), notBefore: 0 };
    mutters.set(uid, mutter);
    if (now < mutter.notBefore) return undefined;
    try {
      return Number(await mutter.bus.ask(MUTTER)) / 1000;
    } catch {
      mutter.notBefore = now + AGAIN_MS;
      return undefined;
    }
  }

  async function askLogind({ id, type, uid }: Session, now: number): Promise<number> {
    const session = {
      destination: "org.freedesktop.login1",
      path: `/org/freedesktop/login1/session/${escapeLabel(id)}`,
      interface: "org.freedesktop.login1.Session",
    };
    try {
      if (!(await system.property(session, "IdleHint"))) return 0;
      const microseconds = await system.property(session, "IdleSinceHint");
      return Math.max(0, (now - Number(microseconds) / 1000) / 1000);
    } catch (error) {
      const why = messageOf(error);
      throw new Error(`the ${type} session of user ${uid} can't be watched: ${why}`);
    }
  }

  return {
    idleSeconds,
    async missing(now) {
      try {
        await idleSeconds(now);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

/** Without logind an X server has to tell itself, and a Wayland desktop can't: that needs a window of its own on it. */
function assertWatched(waylands: readonly string[], displays: readonly Display[]): void {
  const [wayland] = waylands;
  if (wayland !== undefined)
    throw new Error(`a Wayland desktop runs here (${wayland}), and without logind nothing tells whether it is used`);
  const silent = displays.find(({ why }) => why !== undefined);
  if (silent) throw new Error(`the X server :${silent.number} can't be watched: ${silent.why}`);
}

async function findDesktops(run: string): Promise<Found> {
  const [sessions, waylands] = await Promise.all([readSessions(run), findWaylands(run)]);
  return { sessions, waylands };
}

/** Sockets on which a Wayland desktop listens, of the users whose folders are open to us. */
async function findWaylands(run: string): Promise<string[]> {
  const users = (await namesIn(join(run, "user"))).map((uid) => join(run, "user", uid));
  const names = await Promise.all(
    users.map(async (folder) => (await namesIn(folder)).map((name) => join(folder, name))),
  );
  const sockets = names.flat().filter((path) => /\/wayland-\d+$/.test(path));
  const listening = await Promise.all(sockets.map(isListening));
  return sockets.filter((_, at) => listening[at]);
}

/** One that crashed leaves its socket. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      resolve(true);
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}

/** What logind keeps of each session for everybody to read. */
async function readSessions(run: string): Promise<Session[]> {
  const folder = join(run, "systemd/sessions");
  const texts = await Promise.all(
    (await namesIn(folder)).map(async (id) => [id, await textOf(join(folder, id))] as const),
  );
  return texts.flatMap(([id, text]) => {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(text ?? "")?.[1] ?? "";
    const [type, kind] = [value("TYPE"), value("CLASS")];
    const greeter = kind === "greeter";
    if (!["x11", "wayland", "mir"].includes(type) || !(greeter || kind.startsWith("user"))) return [];
    const display = /^:(\d+)/.exec(value("DISPLAY"))?.[1];
    return [{ id, uid: value("UID"), type, greeter, display: display === undefined ? undefined : Number(display) }];
  });
}

/** A name as a part of a D-Bus path, the way of systemd: letters and digits stay, but no digit at the beginning. */
const escapeLabel = (id: string): string =>
  id.replace(/^[0-9]|[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}`);
