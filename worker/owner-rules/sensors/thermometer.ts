import { join } from "node:path";
import type { Sensor } from "../sources.ts";
import { namesIn, textOf } from "./read.ts";

/** Chips of processors and graphics; a mainboard's other sensors are often not connected to anything. */
const CHIPS = ["coretemp", "k10temp", "zenpower", "cpu_thermal", "amdgpu", "radeon", "nouveau"];

/** The hottest of the processor's, the graphics' and the system's own thermal zones, as Linux tells. */
export function createThermometer(sys = "/sys/class"): Sensor<number> {
  const degrees = async (): Promise<number[]> => {
    const texts = await Promise.all((await files(sys)).map(textOf));
    return texts.flatMap((text) => (text === undefined || text === "" ? [] : Number(text) / 1000));
  };
  return {
    async missing() {
      const found = await degrees();
      return found.length > 0
        ? undefined
        : `this machine has no temperature sensor: nothing can be read in ${sys}/thermal and ${sys}/hwmon`;
    },
    async read() {
      const found = await degrees();
      if (found.length === 0) throw new Error("no sensor answers");
      return Math.max(...found);
    },
  };
}

async function files(sys: string): Promise<string[]> {
  const zones = (await namesIn(join(sys, "thermal"))).filter((name) => name.startsWith("thermal_zone"));
  const monitors = await Promise.all(
    (await namesIn(join(sys, "hwmon"))).map(async (name) => {
      const folder = join(sys, "hwmon", name);
      if (!CHIPS.includes((await textOf(join(folder, "name"))) ?? "")) return [];
      return (await namesIn(folder)).filter((file) => /^temp\d+_input$/.test(file)).map((file) => join(folder, file));
    }),
  );
  return [...zones.map((name) => join(sys, "thermal", name, "temp")), ...monitors.flat()];
}
