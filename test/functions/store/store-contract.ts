import { afterEach, beforeAll, beforeEach, describe, it } from "vitest";
import type { Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";
import { accountCases } from "./contract-accounts.ts";
import { chunkCases } from "./contract-chunks.ts";
import { counterCases } from "./contract-counters.ts";
import { documentCases } from "./contract-documents.ts";
import { indexCases } from "./contract-indexes.ts";
import { listCases } from "./contract-lists.ts";
import { recordCases } from "./contract-records.ts";

const groups: Record<string, Cases> = {
  records: recordCases,
  lists: listCases,
  indexes: indexCases,
  documents: documentCases,
  chunks: chunkCases,
  accounts: accountCases,
  counters: counterCases,
};

/**
 * Every promise of the store port, each on an empty store. `gaps` are the promises that this server is known not to keep: they are
 * printed, and one that it keeps after all fails, so that the list stays true.
 */
export function storeContract(open: () => Promise<Store>, gaps: readonly string[] = []): void {
  const titles = Object.values(groups).flatMap((cases) => Object.keys(cases));
  const unknown = gaps.filter((gap) => !titles.includes(gap));
  if (unknown.length > 0) throw new Error(`gaps that name no promise: ${unknown.join("; ")}`);
  let store: Store;
  beforeAll(() => {
    if (gaps.length > 0) console.info(`known gaps of this server:\n- ${gaps.join("\n- ")}`);
  });
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  describe.each(Object.entries(groups))("%s", (_, cases) => {
    for (const [title, promise] of Object.entries(cases)) {
      if (gaps.includes(title)) it.fails(`known gap: ${title}`, () => promise(store));
      else it(title, () => promise(store));
    }
  });
}
