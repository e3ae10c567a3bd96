import type { AgentOptions } from "node:https";
import { Agent, request } from "node:https";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { UnreachableError } from "../contract/client.ts";
import { AGENT, type Pin, type Route } from "./connection.ts";

/** HTTPS with the system's authorities, with one of our own, or with a pinned certificate. */
export function createSecureRoute(pin: Pin | undefined): Route {
  const options: AgentOptions = pin?.ca === undefined ? AGENT : { ...AGENT, ca: pin.ca };
  if (pin?.fingerprint === undefined) return { request, agent: new Agent(options) };
  return { request, agent: createPinnedAgent(pin.origin, pin.fingerprint) };
}

const plainHex = (fingerprint: string): string => fingerprint.replaceAll(":", "").toLowerCase();

/** No request is written before the certificate has proved to be the pinned one. */
function createPinnedAgent(origin: string, fingerprint: string): Agent {
  // A resumed session shows no certificate, so none is kept.
  const agent = new Agent({ ...AGENT, maxCachedSessions: 0 });
  agent.createConnection = (options, ready) => {
    connectPinned(options as ConnectionOptions, { origin, fingerprint }, (error, socket) => ready?.(error, socket));
    return undefined;
  };
  return agent;
}

/** Tells whether the server at an address has the key of the pinned certificate; it is sent nothing but TLS's own greeting. */
export function provesPin(origin: string, fingerprint: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connectPinned({ host, port: Number(port || 443) }, { origin, fingerprint }, (error) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(error === null);
    });
    const timer = setTimeout(() => socket.destroy(new Error("no proof in time")), timeoutMs);
  });
}

function connectPinned(
  options: ConnectionOptions,
  { origin, fingerprint }: { origin: string; fingerprint: string },
  ready: (error: Error | null, socket: TLSSocket) => void,
): TLSSocket {
  const socket = connect({ ...options, rejectUnauthorized: false });
  const fail = (error: Error) => ready(error, socket);
  socket.once("error", fail);
  socket.once("secureConnect", () => {
    socket.off("error", fail);
    const shown = socket.getPeerCertificate().fingerprint256;
    if (plainHex(shown) === plainHex(fingerprint)) return ready(null, socket);
    socket.destroy();
    ready(
      new UnreachableError(`${origin} shows another certificate (SHA-256 ${shown}) than this profile trusts`, {
        url: origin,
        sent: false,
        retryable: false,
        hint: "if its operator renewed the key, log in again with a fresh code; else somebody stands in between",
      }),
      socket,
    );
  });
  return socket;
}
