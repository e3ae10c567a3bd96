import type { Agent, request } from "node:http";

/**
 * How a server proves itself: `fingerprint` is the SHA-256 of its certificate (hexadecimal, colons allowed) and stands in for names and
 * authorities; `ca` is the one authority (PEM) to believe. It holds for `origin` alone: grants may lead elsewhere.
 */
export type Pin = { origin: string; fingerprint?: string | undefined; ca?: string | undefined };

/** Nagle's algorithm costs a small message 40 ms; a kept connection saves the round trips of the next one. */
export const AGENT = { keepAlive: true, noDelay: true, maxFreeSockets: 64, scheduling: "lifo" } as const;

/** A way to open requests of one scheme, and the agent whose connections they share. */
export type Route = { request: typeof request; agent: Agent };
