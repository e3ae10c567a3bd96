import { join } from "node:path";
import type { Takes } from "../contract/worker.ts";
import { readConfig, type WorkerConfig, type WorkerOptions } from "./config.ts";
import { type OwnerFile, readOwnerFile } from "./owner-file.ts";
import { type HouseRules, keepHouseRules } from "./owner-rules/house.ts";
import { createSources } from "./owner-rules/sensors/machine.ts";
import { takesOf } from "./owner-rules/terms.ts";
import { openTrafficBook } from "./owner-rules/traffic-book.ts";

/** Who lends the machine: what worker.toml says, checked against what this machine can tell. */
export type Owner = {
  /** Whose jobs are wanted, as said at the start. */
  takes: Takes | undefined;
  /** Holds to the rules from here on. */
  keep(life: Omit<Parameters<typeof keepHouseRules>[0], "path" | "file" | "sources">): Promise<HouseRules>;
  trafficToday(): number;
  close(): void;
};

/** Reads worker.toml and the options together; what the options say wins. */
export async function askOwner(options: WorkerOptions): Promise<{ config: WorkerConfig; owner: Owner }> {
  const { ownerFile: path, state, xAuthority } = options;
  const book = openTrafficBook(join(state, "traffic"), () => Date.now());
  const sources = options.sources ?? createSources({ folder: state, trafficToday: book.today, xAuthority });
  const file: OwnerFile =
    path === undefined ? { options: {}, rules: {} } : await readOwnerFile(path, sources, options.slots);
  return {
    config: readConfig({ ...file.options, ...said(options) }),
    owner: {
      takes: takesOf(file.rules),
      keep: (life) => keepHouseRules({ ...life, path, file, sources }),
      trafficToday: book.today,
      close: book.close,
    },
  };
}

/** Without the options that were left open. */
const said = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
