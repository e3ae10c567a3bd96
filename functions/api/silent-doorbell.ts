import type { Doorbell } from "../deps.ts";

/** The cloud's doorbell: nobody waits, because a Lambda that sleeps costs more than the poll that it saves. */
export const silentDoorbell: Doorbell = {
  holds: false,
  ring() {},
  listen: () => ({ rung: async () => false, close() {} }),
};
