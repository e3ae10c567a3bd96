import { beforeEach } from "vitest";
import { openCloud } from "../../bench/support/cloud.ts";
import type { Role } from "../../contract/account.ts";
import type { Client } from "../../contract/client.ts";
import type { Store } from "../../functions/store/port.ts";
import { createTestWorld, machine } from "./world.ts";

/** A server of either form, in this process and by a clock of the test's own. */
export type Form = {
  store: Store;
  as(account: string, role: Role): Promise<Client>;
  clock: () => number;
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
};

export const FORMS: Record<string, () => Promise<Form>> = {
  "the embedded server": async () => {
    const world = await createTestWorld();
    return { ...world, pass: async (ms) => world.outage(ms) };
  },
  "the cloud": async () => {
    const cloud = await openCloud();
    const { store, clock } = cloud;
    const pass = async (ms: number) => cloud.pass(ms);
    return { store, as: (account, role) => cloud.as(role, account), clock, pass, close: () => cloud.close() };
  },
};

/** Gives each test of a file or group a server of its own with a registered worker, and closes it. */
export function formOfEachTest(
  open: () => Promise<Form>,
  use: (form: Form, clients: { owner: Client; worker: Client }) => void,
): void {
  beforeEach(async () => {
    const form = await open();
    const owner = await form.as("main", "submitter");
    const worker = await form.as("main", "worker");
    await worker.register(machine());
    use(form, { owner, worker });
    return () => form.close();
  });
}
