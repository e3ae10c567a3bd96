import { type Client, createClient } from "../contract/client.ts";
import { createRetryingClient, DEFAULT_POLICY, type RetryPolicy } from "../contract/retry.ts";
import { createNodeHttp, type NodeHttp } from "../files/node-http.ts";
import type { Address } from "./address.ts";

/** A server as programs use it: typed calls that try again, and HTTP for bytes. `close` lets go of its connections. */
export type Server = { url: string; client: Client; http: NodeHttp; policy: RetryPolicy; close(): void };

export function openServer({ url, token, pin }: Address, policy: RetryPolicy = DEFAULT_POLICY): Server {
  const http = createNodeHttp({ pin });
  const once = createClient({ url, token, transport: http.transport });
  return { url, client: createRetryingClient(once, policy), http, policy, close: () => http.close() };
}
