import { PROTOCOL_VERSION } from "../../contract/limits.ts";
import type { Handlers } from "./handler.ts";

export const systemHandlers: Handlers<"health" | "whoami"> = {
  health: ({ world }) => ({
    ok: true,
    version: world.version,
    protocol: PROTOCOL_VERSION,
    serverTime: world.clock(),
  }),

  whoami: ({ who }) => who,
};
