import { Agent, type RequestOptions, request as requestPlain } from "node:http";
import type { Transport } from "../contract/client.ts";
import { AGENT, type Pin, type Route } from "./connection.ts";
import { exchange, readText, type Sending, type StreamedAnswer } from "./exchange.ts";

/** HTTP for programs on Node: `transport` for createClient, `send` for bytes. Connections are kept until `close`. */
export type NodeHttp = {
  transport: Transport;
  send(sending: Sending): Promise<StreamedAnswer>;
  close(): void;
};

/** What createClient needs, made of what sends bytes. */
export const transportOver =
  (send: NodeHttp["send"]): Transport =>
  async (request) => {
    const answer = await send(request);
    return { status: answer.status, headers: answer.headers, body: await readText(answer, request) };
  };

/** Creates the HTTP of one program; call `close` at its end. */
export function createNodeHttp(options: { pin?: Pin | undefined } = {}): NodeHttp {
  const plain: Route = { request: requestPlain, agent: new Agent(AGENT) };
  const secure = new Map<string, Promise<Route>>();

  const routeOf = (url: URL): Route | Promise<Route> => {
    if (url.protocol === "http:") return plain;
    const pin = options.pin?.origin === url.origin ? options.pin : undefined;
    const key = pin ? url.origin : "";
    // TLS is loaded by those who need it: a server on this machine should not pay for it at start.
    const route = secure.get(key) ?? import("./node-tls.ts").then((tls) => tls.createSecureRoute(pin));
    secure.set(key, route);
    return route;
  };

  const send = async (sending: Sending): Promise<StreamedAnswer> => {
    sending.signal?.throwIfAborted();
    const url = new URL(sending.url);
    const { request, agent } = await routeOf(url);
    return exchange(sending, ({ signal, ...head }) => {
      const whole: RequestOptions = { ...head, agent, ...(signal ? { signal } : {}) };
      return request(url, whole);
    });
  };

  return {
    send,
    transport: transportOver(send),
    close() {
      plain.agent.destroy();
      for (const route of secure.values()) void route.then(({ agent }) => agent.destroy());
    },
  };
}
