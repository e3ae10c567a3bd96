import { readConfig, type WorkerConfig, type WorkerOptions } from "./config.ts";
import { type OwnerFile, readOwnerFile } from "./owner-file.ts";
import { type HouseRules, keepHouseRules } from "./owner-rules/house.ts";
import { createSources } from "./owner-rules/sensors/machine.ts";

/** Who lends the machine: what worker.toml says, checked against what this machine can tell. */
export type Owner = {
  keep(life: Omit<Parameters<typeof keepHouseRules>[0], "path" | "file" | "sources">): Promise<HouseRules>;
};

/** Reads worker.toml and the options together; what the options say wins. */
export async function askOwner(options: WorkerOptions): Promise<{ config: WorkerConfig; owner: Owner }> {
  const { ownerFile: path } = options;
  const sources = options.sources ?? createSources({ folder: options.state, trafficToday: () => 0 });
  const file: OwnerFile = path === undefined ? { options: {}, rules: {} } : await readOwnerFile(path, sources);
  return {
    config: readConfig({ ...file.options, ...said(options) }),
    owner: { keep: (life) => keepHouseRules({ ...life, path, file, sources }) },
  };
}

/** Without the options that were left open. */
const said = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
