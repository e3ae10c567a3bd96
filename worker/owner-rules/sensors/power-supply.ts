import { execFile } from "node:child_process";
import { platform } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Power, Sensor } from "../sources.ts";
import { namesIn, textOf } from "./read.ts";

const FOLDER = "/sys/class/power_supply";

type Supply = { type: string; online: boolean; percent: number | undefined; discharges: boolean };

/** The batteries of the machine itself, and what charges them. */
export const createPower = (): Sensor<Power> =>
  platform() === "darwin" ? createMacPower() : createPowerSupply(FOLDER);

/** As Linux tells. */
export function createPowerSupply(folder: string): Sensor<Power> {
  return {
    async missing() {
      const batteries = (await supplies(folder)).filter(({ type }) => type === "Battery");
      return batteries.length > 0 ? undefined : `this machine has no battery: there is none in ${folder}`;
    },
    async read() {
      const found = await supplies(folder);
      const batteries = found.filter(({ type }) => type === "Battery");
      const chargers = found.filter(({ type }) => type !== "Battery");
      if (batteries.length === 0) throw new Error(`there is no battery in ${folder} any more`);
      const onMains =
        chargers.length > 0 ? chargers.some(({ online }) => online) : batteries.every(({ discharges }) => !discharges);
      return { onMains, percent: together(batteries.flatMap(({ percent }) => percent ?? [])) };
    },
  };
}

/** Of several batteries their mean; but one that says what can't be is not hidden in it. */
function together(percents: readonly number[]): number | undefined {
  const nonsense = percents.find((percent) => !(percent >= 0 && percent <= 100));
  if (nonsense !== undefined || percents.length === 0) return nonsense;
  return Math.round(percents.reduce((sum, percent) => sum + percent, 0) / percents.length);
}

async function supplies(folder: string): Promise<Supply[]> {
  const found = await Promise.all(
    (await namesIn(folder)).map(async (name) => {
      const [type = "", scope, online, capacity, status] = await Promise.all(
        ["type", "scope", "online", "capacity", "status"].map((file) => textOf(join(folder, name, file))),
      );
      // The battery of a mouse is none of the machine's.
      if (scope === "Device" || !["Battery", "Mains", "USB", "Wireless"].includes(type)) return [];
      const percent = capacity === undefined ? undefined : Number(capacity);
      return [{ type, online: online === "1", percent, discharges: status === "Discharging" }];
    }),
  );
  return found.flat();
}

const run = promisify(execFile);

function createMacPower(): Sensor<Power> {
  const read = async () => readPmset((await run("/usr/bin/pmset", ["-g", "batt"])).stdout);
  return {
    async missing() {
      return (await read()).percent === undefined ? "this machine has no battery: pmset names none" : undefined;
    },
    read,
  };
}

/** `Now drawing from 'AC Power'`, and below it the battery with its charge: ` -InternalBattery-0 (id=1) 87%; charging; …`. */
export function readPmset(text: string): Power {
  const charge = /^ -InternalBattery.*?\s(\d+)%/m.exec(text)?.[1];
  return { onMains: text.includes("'AC Power'"), percent: charge === undefined ? undefined : Number(charge) };
}
