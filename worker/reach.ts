import { type Client, createClient } from "../contract/client.ts";
import { createLanes } from "../files/lanes.ts";
import { createNodeHttp, type NodeHttp } from "../files/node-http.ts";
import { createRate } from "../files/rate.ts";
import type { Line } from "../files/transfer.ts";
import type { WorkerConfig } from "./config.ts";
import { createFollowingHttp } from "./follow-server.ts";
import { stayKnown } from "./known.ts";
import { createOwnToken } from "./own-token.ts";
import { listenForBuilds } from "./update/listen.ts";
import { buildsOf } from "./update/state.ts";
import { createUpdater } from "./update/updater.ts";

/** How a worker reaches its server: wherever that is, with a token that is good, as a build that it understands, and how fast at most. */
export type Reach = {
  http: NodeHttp;
  client: Client;
  own: ReturnType<typeof createOwnToken>;
  up: Line;
  down: Line;
  close(): void;
};

export function openReach(config: WorkerConfig, idle: () => boolean): Reach {
  const { url, token, update, state, notice } = config;
  const http = openHttp(config);
  const own = createOwnToken(config);
  const client = stayKnown(createClient({ url, token, transport: own.carry(http.transport) }), notice);
  const [up, down] = [lineOf(config.uploadRate), lineOf(config.downloadRate)];
  if (!update) return { http, client, own, up, down, close: () => http.close() };
  const transfer = { http, url, down };
  const updater = createUpdater({
    ...update,
    folder: buildsOf(state),
    running: RENDT_VERSION,
    client,
    transfer,
    idle,
    notice,
  });
  return {
    http,
    client: listenForBuilds(client, updater),
    own,
    up,
    down,
    close() {
      updater.close();
      http.close();
    },
  };
}

const lineOf = (rate: number | undefined): Line => ({
  lanes: createLanes(),
  ...(rate !== undefined && { rate: createRate(rate) }),
});

function openHttp({ url, pin, networks, announce, moved, notice }: WorkerConfig): NodeHttp {
  if (networks === undefined || pin?.fingerprint === undefined) return createNodeHttp({ pin });
  return createFollowingHttp({ url, pin: { ...pin, fingerprint: pin.fingerprint }, networks, announce, moved, notice });
}
