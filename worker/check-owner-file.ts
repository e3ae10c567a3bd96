import { existsSync } from "node:fs";
import { readOwnerFile } from "./owner-file.ts";
import { createSources } from "./owner-rules/sensors/machine.ts";

/** Whether there is a worker.toml at this path; throws what a worker with this state folder would say is wrong with it. */
export async function checkOwnerFile(
  path: string,
  { state, xAuthority }: { state: string; xAuthority?: string | undefined },
): Promise<boolean> {
  if (!existsSync(path)) return false;
  await readOwnerFile(path, createSources({ folder: state, trafficToday: () => 0, xAuthority }));
  return true;
}
