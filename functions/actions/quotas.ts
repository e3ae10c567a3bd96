import type { QuotaName, Quotas } from "../../contract/account.ts";
import type { AccountRecord } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import type { World } from "./call.ts";

const BELIEVED_MS = 60_000;

/** The bounds of an account; a change of them is felt within a minute. */
export async function quotasOf({ store, clock, quotas }: World, account: string): Promise<Quotas> {
  const now = clock();
  const known = quotas.get(account);
  if (known && Math.abs(now - known.readAt) < BELIEVED_MS) return known.quotas;
  const [record] = await store.get("account", [account]);
  remember(quotas, account, { quotas: record?.quotas ?? {}, readAt: now });
  return record?.quotas ?? {};
}

/** The counter of each quota. Jobs are counted by day, so that nothing has to be set back at midnight. */
export const counterOf = (quota: QuotaName, now: number): string =>
  quota === "jobsPerDay" ? `jobs:${new Date(now).toISOString().slice(0, 10)}` : quota;

/** What is used of those quotas that the account has. */
export async function usedOf({ store, clock }: World, { id, quotas }: AccountRecord): Promise<Quotas> {
  const now = clock();
  const names = Object.keys(quotas) as QuotaName[];
  const amounts = await store.counts(
    id,
    names.map((name) => counterOf(name, now)),
  );
  return Object.fromEntries(names.map((name, at) => [name, amounts[at] ?? 0]));
}
