import type { AgentOptions } from "node:https";
import { Agent, request } from "node:https";
import { type ConnectionOptions, connect } from "node:tls";
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
    const socket = connect({ ...(options as ConnectionOptions), rejectUnauthorized: false });
    const fail = (error: Error) => ready?.(error, socket);
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      const shown = socket.getPeerCertificate().fingerprint256;
      if (plainHex(shown) === plainHex(fingerprint)) return ready?.(null, socket);
      socket.destroy();
      ready?.(
        new UnreachableError(`${origin} shows another certificate (SHA-256 ${shown}) than this profile trusts`, {
          url: origin,
          sent: false,
          retryable: false,
          hint: "if its operator renewed the key, log in again with a fresh code; else somebody stands in between",
        }),
        socket,
      );
    });
    return undefined;
  };
  return agent;
}
