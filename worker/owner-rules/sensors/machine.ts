import type { Sources } from "../sources.ts";
import { createPowerSupply } from "./power-supply.ts";
import { createOthersLoad, createProgramList } from "./processes.ts";
import { createDiskRoom, createMemoryRoom } from "./room.ts";
import { terminalIdleSeconds } from "./terminals.ts";
import { createThermometer } from "./thermometer.ts";

/** The sensors of the machine that this program runs on. */
export function createSources({ folder, trafficToday }: { folder: string; trafficToday: () => number }): Sources {
  const clock = { wall: () => Date.now(), steady: () => performance.now() };
  return {
    clock,
    idleSeconds: {
      missing: async () => (terminalIdleSeconds(clock.wall()) === undefined ? "there is no terminal here" : undefined),
      async read() {
        const seconds = terminalIdleSeconds(clock.wall());
        if (seconds === undefined) throw new Error("there is no terminal");
        return seconds;
      },
    },
    power: createPowerSupply(),
    othersLoad: createOthersLoad(clock.steady),
    memory: createMemoryRoom(),
    disk: createDiskRoom(folder),
    temperature: createThermometer(),
    programs: createProgramList(),
    metered: {
      missing: async () => "there is no NetworkManager here",
      read: async () => false,
    },
    traffic: { missing: async () => undefined, read: async () => trafficToday() },
  };
}
