import { isIPv4, isIPv6 } from "node:net";
import { type Answer, decode, encode, type Packet } from "dns-packet";

/** The type under which servers are announced (RFC 6763). */
const SERVICE = "_rendt._tcp.local";
/** RFC 6762 §17: a longer message is none of mDNS. */
const MAX_MESSAGE_BYTES = 9000;
const MAX_INSTANCES = 16;
const MAX_ADDRESSES = 8;
const TTL_S = 120;
const HINT = /^[0-9a-f]{16}$/;

/** Where a server is said to be: by itself, or by a worker that has reached it there. `ttl` 0 takes it back. */
export type Announcement = {
  /** What tells whose server it is: the beginning of its fingerprint. It proves nothing; TLS does. */
  hint: string;
  by: "server" | "worker";
  /** Tells announcers of the same server apart. */
  name: string;
  port: number;
  addresses: readonly string[];
};

export type Sighting = { hint: string; by: "server" | "worker"; gone: boolean; origins: string[] };

export const hintOf = (fingerprint: string): string => fingerprint.replaceAll(":", "").toLowerCase().slice(0, 16);

export const originOf = (address: string, port: number): string =>
  `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;

/** Asks everybody on the network for servers. */
export const QUESTION: Buffer = encode({ type: "query", id: 0, questions: [{ type: "PTR", name: SERVICE }] });

export function encodeAnnouncement({ hint, by, name, port, addresses }: Announcement, ttl = TTL_S): Buffer {
  const instance = `${name}.${SERVICE}`;
  const target = `${name}.local`;
  const txt = ["v=1", `key=${hint}`, `by=${by}`];
  return encode({
    type: "response",
    id: 0,
    flags: 1 << 10, // authoritative: RFC 6762 §18.4
    answers: [
      { type: "PTR", name: SERVICE, ttl, data: instance },
      { type: "SRV", name: instance, ttl, flush: true, data: { port, target, priority: 0, weight: 0 } },
      { type: "TXT", name: instance, ttl, flush: true, data: txt },
      ...addresses
        .slice(0, MAX_ADDRESSES)
        .map((data): Answer => ({ type: isIPv4(data) ? "A" : "AAAA", name: target, ttl, flush: true, data })),
    ],
  });
}

/** Whether somebody asks for servers, and does not already know this one. */
export function asksFor(message: Buffer, name: string): boolean {
  const packet = decodeOurs(message);
  if (packet?.type !== "query") return false;
  const asked = packet.questions?.some(
    ({ name: asks, type }) => sameName(asks, SERVICE) && (type === "PTR" || String(type) === "ANY"),
  );
  const known = packet.answers?.some(
    (answer) => answer.type === "PTR" && sameName(answer.data, `${name}.${SERVICE}`) && (answer.ttl ?? 0) >= TTL_S / 2,
  );
  return asked === true && known !== true;
}

/** What a message announces. Whatever is not of our form is left out; of what is too much, the rest. */
export function readSightings(message: Buffer): Sighting[] {
  const packet = decodeOurs(message);
  if (packet?.type !== "response") return [];
  const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
  const instances = records.filter((record) => record.type === "PTR" && sameName(record.name, SERVICE));
  return instances
    .slice(0, MAX_INSTANCES)
    .flatMap((pointer) => (pointer.type === "PTR" ? (readInstance(pointer.data, pointer.ttl, records) ?? []) : []));
}

function readInstance(name: string, ttl: number | undefined, records: readonly Answer[]): Sighting | undefined {
  let service: { port: number; target: string } | undefined;
  let facts: Record<string, string> = {};
  for (const record of records) {
    if (record.type === "SRV" && sameName(record.name, name)) service = record.data;
    if (record.type === "TXT" && sameName(record.name, name)) facts = readFacts(record.data);
  }
  const { v, key = "", by } = facts;
  if (!service || v !== "1" || !HINT.test(key) || (by !== "server" && by !== "worker")) return undefined;
  const { port, target } = service;
  if (port === 0) return undefined;
  const addresses = records.flatMap((record) =>
    (record.type === "A" || record.type === "AAAA") && sameName(record.name, target) ? [record.data] : [],
  );
  const origins = addresses.slice(0, MAX_ADDRESSES).map((address) => originOf(address, port));
  return { hint: key, by, gone: ttl === 0, origins };
}

function readFacts(data: unknown): Record<string, string> {
  const lines = (Array.isArray(data) ? data : [data]).slice(0, 8).map(String);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** Networks are full of other people's packets: only those that name our service are taken apart. */
function decodeOurs(message: Buffer): Packet | undefined {
  if (message.length > MAX_MESSAGE_BYTES || !message.includes("_rendt")) return undefined;
  try {
    return decode(message);
  } catch {
    return undefined; // anybody may send anything
  }
}

const sameName = (a: string, b: string): boolean => a.length === b.length && a.toLowerCase() === b.toLowerCase();
