import type { Sources } from "../sources.ts";
import { createIdle } from "./idle.ts";
import { createMeteredSensor } from "./metered.ts";
import { createPower } from "./power-supply.ts";
import { createOthersLoad, createProgramList } from "./processes.ts";
import { createDiskRoom, createMemoryRoom } from "./room.ts";
import { createThermometer } from "./thermometer.ts";

/** The sensors of the machine that this program runs on; `xAuthority` names a file of keys to its X servers. */
export function createSources({
  folder,
  trafficToday,
  xAuthority,
}: {
  folder: string;
  trafficToday: () => number;
  xAuthority?: string | undefined;
}): Sources {
  const clock = { wall: () => Date.now(), steady: () => performance.now() };
  return {
    clock,
    idleSeconds: createIdle(clock.wall, xAuthority),
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
