import { randomBytes } from "node:crypto";
import { Bonjour } from "bonjour-service";
import { encode } from "dns-packet";
import { afterEach, describe, expect, it } from "vitest";
import { announce } from "../../lan/announce.ts";
import { type Announcement, encodeAnnouncement, hintOf, readSightings, type Sighting } from "../../lan/announcement.ts";
import { openMdns } from "../../lan/mdns.ts";
import { searchLan } from "../../lan/search.ts";
import { networks, openSomebody, openStranger, type Somebody } from "./lan.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function somebody(): Promise<Somebody> {
  const opened = await openSomebody();
  ends.push(opened.close);
  return opened;
}
async function stranger(from = "127.0.0.9") {
  const opened = await openStranger(from);
  ends.push(opened.close);
  return opened;
}
async function announced(server: Pick<Somebody, "fingerprint" | "port">, by: Announcement["by"] = "server") {
  const hint = hintOf(server.fingerprint);
  const made = await announce({ hint, by, port: server.port, addresses: () => ["127.0.0.1"], networks });
  ends.push(made.close);
  return made;
}
const search = ({ fingerprint }: Pick<Somebody, "fingerprint">, ms = 8000) =>
  searchLan({ fingerprint, networks, signal: AbortSignal.timeout(ms) });
const claim = (of: Pick<Somebody, "fingerprint">, port: number, name: string, addresses = ["127.0.0.1"]) =>
  encodeAnnouncement({ hint: hintOf(of.fingerprint), by: "server", name, port, addresses });

describe("a search", () => {
  it("finds the server that announces itself, and one of which only a worker tells", async () => {
    for (const by of ["server", "worker"] as const) {
      const server = await somebody();
      await announced(server, by);
      expect(await search(server)).toBe(server.origin);
    }
  });

  it("hears of a server that comes up later, without asking again", async () => {
    const server = await somebody();
    const searching = search(server);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await announced(server);
    expect(await searching).toBe(server.origin);
  });

  it("sends an impostor who answers first nothing but TLS's greeting, and finds the right one", async () => {
    const [server, impostor] = [await somebody(), await somebody()];
    const loud = await stranger();
    const shouting = setInterval(() => void loud.say(claim(server, impostor.port, "me")), 20);
    ends.push(() => clearInterval(shouting));
    await announced(server);
    expect(await search(server)).toBe(server.origin);
    expect(impostor.met.connections).toBeGreaterThan(0);
    expect(impostor.met.bytes).toBe(0);
  });

  it("tries no address outside of this machine's networks", async () => {
    const server = await somebody();
    const loud = await stranger();
    const searching = search(server, 700);
    await loud.say(claim(server, server.port, "far", ["203.0.113.7", "224.0.0.251", "0.0.0.0", "255.255.255.255"]));
    await expect(searching).rejects.toThrow(/timeout/);
    expect(server.met.connections).toBe(0);
  });

  it("is led in no circle by workers that name each other: each address is tried now and then, and that is all", async () => {
    const [server, a, b] = [await somebody(), await somebody(), await somebody()];
    await announced({ fingerprint: server.fingerprint, port: b.port }, "worker");
    await announced({ fingerprint: server.fingerprint, port: a.port }, "worker");
    await expect(search(server, 2500)).rejects.toThrow(/timeout/);
    expect([a.met, b.met]).toEqual([
      { connections: 1, bytes: 0 },
      { connections: 1, bytes: 0 },
    ]);
  });

  it("passes over 500 servers of others, and tries few of 500 that claim to be the one", async () => {
    const [server, other] = [await somebody(), await somebody()];
    const [crowd, flood] = [await stranger("127.0.0.8"), await stranger("127.0.0.9")];
    const searching = search(server);
    for (let at = 0; at < 500; at += 1) {
      await crowd.say(claim({ fingerprint: randomBytes(32).toString("hex") }, other.port, `crowd-${at}`));
      await flood.say(claim(server, 1 + at, `flood-${at}`));
    }
    await announced(server);
    expect(await searching).toBe(server.origin);
    expect(other.met.connections).toBe(0);
  });

  it("bears what is no mDNS, a megabyte of text, and names that point at themselves", async () => {
    const server = await somebody();
    const loud = await stranger();
    const searching = search(server);
    const whole = claim(server, server.port, "cut");
    const loop = Buffer.from(whole);
    loop.writeUInt16BE(0xc00c, 12);
    const text = encode({
      type: "response",
      answers: [{ type: "TXT", name: "x._rendt._tcp.local", data: Array.from({ length: 30 }, () => "t".repeat(250)) }],
    });
    for (const message of [randomBytes(200), whole.subarray(0, 40), loop, Buffer.alloc(0)]) await loud.say(message);
    for (let sent = 0; sent < 1024 * 1024; sent += text.length) await loud.say(text);
    await announced(server);
    expect(await searching).toBe(server.origin);
  });
});

describe("an announcement", () => {
  it("is what other people's programs read, and theirs is read here", async () => {
    const server = await somebody();
    const made = await announced(server);
    const bonjour = new Bonjour({ interface: "127.0.0.1", bind: "0.0.0.0" } as object);
    ends.push(() => new Promise<void>((resolve) => bonjour.destroy(() => resolve())));
    const hint = hintOf(server.fingerprint);
    const found = await new Promise<{ port: number; addresses?: string[] | undefined }>((resolve) => {
      const browser = bonjour.find({ type: "rendt" }, (service) => {
        if (service.txt?.key === hint) resolve(service);
      });
      ends.push(() => browser.stop());
    });
    expect(found).toMatchObject({ port: server.port, addresses: ["127.0.0.1"] });
    made.close();

    const heard = new Promise<Sighting>((resolve) => {
      const look = (message: Buffer) => {
        for (const sighting of readSightings(message)) if (sighting.hint === "b0b0b0b0b0b0b0b0") resolve(sighting);
      };
      void openMdns({ networks, heard: look }).then((mdns) => ends.push(mdns.close));
    });
    const txt = { v: "1", key: "b0b0b0b0b0b0b0b0", by: "server" };
    bonjour.publish({ name: "by bonjour", type: "rendt", port: 4810, host: "by-bonjour.local", txt, probe: false });
    expect(await heard).toMatchObject({ by: "server", gone: false });
  });

  it("is taken back when it ends", () => {
    const gone = encodeAnnouncement(
      { hint: "0".repeat(16), by: "server", name: "n", port: 1, addresses: ["10.0.0.1"] },
      0,
    );
    expect(readSightings(gone)).toEqual([
      { hint: "0".repeat(16), by: "server", gone: true, origins: ["https://10.0.0.1:1"] },
    ]);
  });

  it("of IPv6 is read, too, and one that says less than it must is not", () => {
    const whole = { hint: "0".repeat(16), by: "worker", name: "n", port: 4810, addresses: ["fd00::2"] } as const;
    expect(readSightings(encodeAnnouncement(whole))[0]?.origins).toEqual(["https://[fd00::2]:4810"]);
    for (const wrong of [{ hint: "short" }, { port: 0 }, { hint: "G".repeat(16) }])
      expect(readSightings(encodeAnnouncement({ ...whole, ...wrong }))).toEqual([]);
  });
});
