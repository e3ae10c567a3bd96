import { join } from "node:path";
import { messageOf } from "../../../contract/errors.ts";
import { type Bus, createBus } from "./dbus.ts";
import { namesIn, textOf } from "./read.ts";

/** Seconds since each desktop session of this machine was used; throws when one can't be told. */
export type Desktops = {
  idleSeconds(now: number): Promise<number[]>;
  /** Why a desktop here can't be watched; undefined when there is none, or when it can be. */
  missing(now: number): Promise<string | undefined>;
};

type Session = { id: string; uid: string; type: string };

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

export function createDesktops({ run = "/run", xSockets = "/tmp/.X11-unix" } = {}): Desktops {
  const system = createBus(join(run, "dbus/system_bus_socket"));
  const mutters = new Map<string, { bus: Bus; notBefore: number }>();
  let known: { at: number; sessions: Session[] } | undefined;

  async function sessions(now: number): Promise<Session[]> {
    if (!known || Math.abs(now - known.at) > SESSIONS_MS) known = { at: now, sessions: await readSessions(run) };
    return known.sessions;
  }

  /** GNOME tells to the millisecond, on X11 and on Wayland; of any other desktop logind knows whether it calls itself idle. */
  async function idleOf(session: Session, now: number): Promise<number> {
    return (await askMutter(session, now)) ?? (await askLogind(session, now));
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

  const idleSeconds = async (now: number) => Promise.all((await sessions(now)).map((session) => idleOf(session, now)));
  return {
    idleSeconds,
    async missing(now) {
      const hasLogind = (await namesIn(join(run, "systemd/sessions"))).length > 0;
      const hasX = (await namesIn(xSockets)).length > 0;
      if (hasX && !hasLogind) return "an X server runs here, and without logind nothing tells whether it is used";
      try {
        await idleSeconds(now);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

/** What logind keeps of each session for everybody to read. */
async function readSessions(run: string): Promise<Session[]> {
  const folder = join(run, "systemd/sessions");
  const texts = await Promise.all(
    (await namesIn(folder)).map(async (id) => [id, await textOf(join(folder, id))] as const),
  );
  return texts.flatMap(([id, text]) => {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(text ?? "")?.[1] ?? "";
    const isDesktop = ["x11", "wayland", "mir"].includes(value("TYPE")) && value("CLASS").startsWith("user");
    return isDesktop ? [{ id, uid: value("UID"), type: value("TYPE") }] : [];
  });
}

/** A name as a part of a D-Bus path, the way of systemd: letters and digits stay, but no digit at the beginning. */
const escapeLabel = (id: string): string =>
  id.replace(/^[0-9]|[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}`);
