import { join } from "node:path";
import { createFetchRecord } from "../files/fetch-record.ts";
import type { Placed } from "../files/place-tree.ts";
import { fetchOutputs, type OutputsWanted } from "../sdk/fetch-outputs.ts";
import { foldersOf } from "../sdk/profile.ts";
import type { Call } from "./command.ts";
import { showProgress } from "./progress.ts";
import type { Server } from "./server.ts";

/** Downloads outputs into a folder; nothing is overwritten but what an earlier fetch wrote, unless `force`. */
export async function fetchInto(
  server: Server,
  wanted: OutputsWanted,
  { into, apart, force, call }: { into: string; apart: boolean; force: boolean | undefined; call: Call },
): Promise<Placed> {
  const progress = showProgress("fetching", call.terminal);
  try {
    const record = createFetchRecord(join(foldersOf(call.environment).data, "fetched"));
    return await fetchOutputs(server, wanted, { into, apart, force, record, onBytes: progress.add });
  } finally {
    progress.end();
  }
}
