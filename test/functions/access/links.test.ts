import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createClient } from "../../../contract/client.ts";
import {
  blobOf,
  createJob,
  createTestWorld,
  exited,
  HOUR,
  machine,
  type TestWorld,
  WORKER,
} from "../../support/world.ts";

let world: TestWorld;
let job: string;
let lease: string;
const printed = Buffer.from("output");
const blob = blobOf(printed);

beforeEach(async () => {
  world = await createTestWorld();
  await world.worker.register(machine(WORKER));
  job = await createJob(world.submitter, {
    command: ["sh", "-c", "echo $KEY"],
    env: { KEY: "secret-value" },
    outputs: ["*"],
  });
  const { leases } = await world.worker.claim({ worker: WORKER, leases: 1 });
  lease = leases[0]?.id ?? "";
  const { items } = await world.worker.grants({ entries: [{ use: "deliver", lease, index: 0, blob }] });
  await world.put(items[0], printed);
  const entries = [{ kind: "file" as const, path: "out", mode: 0o644, ...blob }];
  const result = { ...exited(0), outputs: { manifest: { entries } } };
  await world.worker.finish({ worker: WORKER, items: [{ lease, from: 0, results: [result] }] });
});
afterEach(() => world.close());

const by = (link: string | undefined) =>
  createClient({ url: "http://world", token: link ?? "", transport: world.transport });
const code = (code: string) => expect.objectContaining({ code });
const make = async (more: { forMs?: number; revoke?: boolean } = { forMs: HOUR }) =>
  (await world.submitter.link({ id: job, ...more })).link;

it("A link reads its job, its logs and its outputs, but not the environment", async () => {
  const reader = by(await make());
  const shown = await reader.show({ id: job });
  expect([shown.job.status, shown.spec.command[0]]).toEqual(["finished", "sh"]);
  expect(JSON.stringify(shown)).not.toContain("secret-value");
  expect((await reader.get({ ids: [job] })).items).toMatchObject([{ id: job, status: "finished" }]);
  expect((await reader.logs({ id: job })).status).toBe("finished");
  expect((await reader.outputs({ id: job })).items).toHaveLength(1);
  const { items } = await reader.grants({ entries: [{ use: "output", job, index: 0, blob }] });
  expect(items).toMatchObject([{ kind: "one", method: "GET" }]);
});

it("A link to one job gets nothing of another of the same account", async () => {
  const other = await createJob(world.submitter, { command: ["true"] });
  const reader = by(await make());
  for (const ask of [reader.show, reader.outputs, reader.logs])
    await expect(ask({ id: other })).rejects.toEqual(code("not_found"));
  expect((await reader.get({ ids: [other, job] })).items).toMatchObject([{ missing: true }, { id: job }]);
  const { items } = await reader.grants({
    entries: [
      { use: "output", job: other, index: 0, blob },
      { use: "input", job, blob },
      { use: "deliver", lease, index: 0, blob },
    ],
  });
  expect(items).toMatchObject([{ code: "not_found" }, { code: "wrong_role" }, { code: "wrong_role" }]);
});

it("A link changes nothing and makes no other link", async () => {
  const reader = by(await make());
  const acts = [
    reader.cancel({ ids: [job] }),
    reader.rm({ ids: [job] }),
    reader.link({ id: job, forMs: HOUR }),
    reader.list(),
    reader.whoami(),
  ];
  for (const act of acts) await expect(act).rejects.toEqual(code("wrong_role"));
});

it("A link ends with its time, with its job, and when all links are taken back; a new one is good again", async () => {
  const short = await make({ forMs: HOUR });
  expect((await by(short).show({ id: job })).job.id).toBe(job);
  world.outage(HOUR);
  await expect(by(short).show({ id: job })).rejects.toEqual(code("token_expired"));
  const long = await make();
  expect(await make({ revoke: true })).toBeUndefined();
  await expect(by(long).show({ id: job })).rejects.toEqual(code("token_revoked"));
  const next = await make({ forMs: HOUR, revoke: true });
  expect((await by(next).show({ id: job })).job.id).toBe(job);
  await world.submitter.rm({ ids: [job] });
  await expect(by(next).show({ id: job })).rejects.toEqual(code("not_found"));
});

it("A link that was changed anywhere is none", async () => {
  const link = (await make()) ?? "";
  const later = link.replace(/_([0-9a-z]+)_([0-9a-f]{64})$/, (_, end, sum) => `_${end.replace(/.$/, "z")}_${sum}`);
  const other = link.replace(job, "j000000000000");
  const forged = link.replace(/[0-9a-f]{64}$/, createHash("sha256").update(link).digest("hex"));
  for (const text of [later, other, forged, link.slice(0, -1), `${link}0`, "rendt_link_"])
    await expect(by(text).show({ id: job })).rejects.toEqual(code("bad_token"));
});

it("A link has no place in a URL of the API", async () => {
  const answer = await world.app.request(`/v1/jobs/${job}?link=${await make()}`);
  expect(await answer.json()).toMatchObject({ error: { code: "token_in_url" } });
});
