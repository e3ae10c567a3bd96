import { messageOf } from "../../../contract/errors.ts";
import type { Sensor } from "../sources.ts";
import { createBus } from "./dbus.ts";

const MANAGER = {
  destination: "org.freedesktop.NetworkManager",
  path: "/org/freedesktop/NetworkManager",
  interface: "org.freedesktop.NetworkManager",
};
/** NMMetered: 1 yes, 2 no, 3 and 4 the same as a guess; 0 while it does not know, as without a network. */
const METERED = { yes: 1, guessedYes: 3, unknown: 0 } as const;

/** Whether the network that leads out is paid by the byte, as NetworkManager says; nobody else tells on Linux. */
export function createMeteredSensor(socket = "/run/dbus/system_bus_socket"): Sensor<boolean> {
  const bus = createBus(socket);
  const ask = () => bus.property(MANAGER, "Metered");
  return {
    async missing() {
      try {
        await ask();
        return undefined;
      } catch (error) {
        const why = messageOf(error);
        return `nothing on this machine tells whether its network is metered, NetworkManager would: ${why}`;
      }
    },
    async read() {
      const value = await ask();
      if (value === METERED.unknown) throw new Error("NetworkManager does not know whether it is metered");
      return value === METERED.yes || value === METERED.guessedYes;
    },
  };
}
