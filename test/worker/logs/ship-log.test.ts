import { expect, it, vi } from "vitest";
import type { Client } from "../../../contract/client.ts";
import { createRate } from "../../../files/rate.ts";
import { shipWhileWatched } from "../../../worker/logs/ship-log.ts";
import { createTaskLog } from "../../../worker/logs/task-log.ts";

it("what is shipped counts where uploads are bounded, before it goes", async () => {
  const events: string[] = [];
  const rate = createRate(1e9);
  const take = async (bytes: number) => void events.push(`take ${bytes}`);
  const appendLog: Client["appendLog"] = async ({ data }) => {
    events.push(`send ${data.length}`);
    return { watch: true };
  };
  const held = { lease: { id: "lease" }, watch: true };
  const log = createTaskLog("/nowhere", 1_000_000, () => 5);
  const shipping = shipWhileWatched({ client: { appendLog }, rate: { ...rate, take }, held, index: 0, log });
  await log.write("stdout", Buffer.from("a line\n"));
  await vi.waitFor(() => expect(events).toHaveLength(2));
  shipping.end();
  const [taken = "", sent = ""] = events;
  expect(taken).toMatch(/^take [1-9]\d*$/);
  expect(sent).toBe(taken.replace("take", "send"));
});
