import { type Client, checkServerUrl, createClient } from "../contract/client.ts";
import { createRetryingClient, DEFAULT_POLICY, type RetryPolicy } from "../contract/retry.ts";
import { createNodeHttp, type NodeHttp } from "../files/node-http.ts";
import type { Address } from "./address.ts";

/** A server as programs use it: typed calls that try again (`once`: that don't), and HTTP for bytes, which try again by `policy`. `close` lets go of its connections. */
export type Server = { url: string; client: Client; once: Client; http: NodeHttp; policy: RetryPolicy; close(): void };

export function openServer({ url, token, pin }: Address, policy: RetryPolicy = DEFAULT_POLICY): Server {
  const http = createNodeHttp({ pin });
  const once = createClient({ url, token, transport: http.transport });
  const client = createRetryingClient(once, policy);
  return { url: checkServerUrl(url), client, once, http, policy, close: () => http.close() };
}
