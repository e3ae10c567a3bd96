import type { Sources } from "../sources.ts";
import { createIdle } from "./idle.ts";
import { createMeteredSensor } from "./metered.ts";
import { createPower } from "./power-supply.ts";
import { createOthersLoad, createProgramList } from "./processes.ts";
import { createDiskRoom, createMemoryRoom } from "./room.ts";
import { createThermometer } from "./thermometer.ts";

/** The sensors of the machine that this program runs on. */
export function createSources({ folder, trafficToday }: { folder: string; trafficToday: () => number }): Sources {
  const clock = { wall: () => Date.now(), steady: () => performance.now() };
  return {
    clock,
    idleSeconds: createIdle(clock.wall),
    power: createPower(),
    othersLoad: createOthersLoad(clock.steady),
    memory: createMemoryRoom(),
    disk: createDiskRoom(folder),
    temperature: createThermometer(),
    programs: createProgramList(),
    metered: createMeteredSensor(),
    traffic: { missing: async () => undefined, read: async () => trafficToday() },
  };
}
