import type { Case } from "./case.ts";
import { clocks } from "./clocks.ts";
import { connections } from "./connections.ts";
import { disks } from "./disks.ts";
import { ends } from "./ends.ts";
import { outages } from "./outages.ts";
import { serverKills } from "./server-kills.ts";
import { sleeps } from "./sleeps.ts";
import { workerKills } from "./worker-kills.ts";

/** The whole matrix. */
export const cases: readonly Case[] = [
  ...workerKills,
  ...serverKills,
  ...sleeps,
  ...outages,
  ...disks,
  ...connections,
  ...clocks,
  ...ends,
];
