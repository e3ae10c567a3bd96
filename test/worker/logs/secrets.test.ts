import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { createLogFollower } from "../../../bench/logs/follow.ts";
import { openMarketplace } from "../marketplace.ts";
import { until } from "../processes.ts";
import { textOf } from "../read-log.ts";

const SECRET = 'Tr0ub4dor/&3 "x"+y';
const FORMS = [
  SECRET,
  encodeURIComponent(SECRET),
  JSON.stringify(SECRET).slice(1, -1),
  "VHIwdWI0ZG9y",
  "RyMHViNGRvc",
  "UcjB1YjRkb3",
];

const holdsSecret = (bytes: Buffer | string) => FORMS.some((form) => Buffer.from(bytes).includes(form));

/** Files below a folder that hold the secret in some form. */
function leaks(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    return statSync(path, { throwIfNoEntry: false })?.isFile() && holdsSecret(readFileSync(path));
  });
}

it("hands a secret to the task, and lets none of it out: not in its log, its result, the worker's files or the server's", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const gate = join(market.folder, "gate");
  const script = `
    printf '%s|' "$KEY"; printf '%s' "$KEY" | base64; printf 'a%s' "$KEY" | base64; printf 'ab%s' "$KEY" | base64
    node -e 'const k = process.env.KEY; console.log(JSON.stringify(k), encodeURIComponent(k))'
    printf 'Tr0ub' >&2; sleep 0.01; printf '4dor/&3 "x"+y\\n' >&2
    i=0; while [ $i -lt 3000 ]; do echo "line $i $KEY and more to fill the memory of the log"; i=$((i+1)); done
    while ! test -e ${gate}; do sleep 0.02; done`;
  const id = await market.submit({ command: ["sh", "-c", script], secrets: { KEY: SECRET } });
  await until(async () => (await market.client.show({ id })).job.status === "executing");
  const follower = createLogFollower({ url: market.url, token: market.tokens.submitter, id });
  await until(() => follower.text().includes("line 2999"));
  expect(leaks(join(market.folder, "worker-0"))).toEqual([]);
  expect(leaks(join(market.folder, "server"))).toEqual([]);
  writeFileSync(gate, "");
  await market.ended(id);
  await follower.ended;
  expect(follower.text()).toMatch(/^\*\*\*\|\*\*\*/);
  expect(follower.text()).toContain("line 2999 *** and more");
  expect(holdsSecret(follower.text())).toBe(false);

  const told = await Promise.all([
    market.client.show({ id }),
    market.client.list({}),
    market.client.get({ ids: [id] }),
    market.client.outputs({ id }),
    market.client.explain({ id }),
  ]);
  for (const answer of told) {
    expect(holdsSecret(JSON.stringify(answer))).toBe(false);
    expect(JSON.stringify(answer)).not.toContain('"KEY"');
  }
  expect(leaks(market.folder)).toEqual([]);
  expect(market.notices.some(holdsSecret)).toBe(false);
});

it("masks a secret in the reason why a task did not start", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const tool = Buffer.from(`#!/nothing/hunter2-hunter2\n`);
  const { inputs } = await market.inline({ tool });
  const file = inputs && "manifest" in inputs ? inputs.manifest.entries[0] : undefined;
  if (file?.kind === "file") file.mode = 0o755;
  const result = await market.run({ command: ["./tool"], inputs, secrets: { KEY: "hunter2-hunter2" } });
  expect(result.outcome).toBe("not_started");
  expect(result.reason).toContain('"/nothing/***"');
});

it("masks a secret in what the worker says of a task that it gives back", async () => {
  const market = await openMarketplace();
  // Its error names a path; so the secret stands in that.
  const state = join(market.folder, "hunter2-hunter2");
  await market.startWorker({ state });
  await market.run({ command: ["true"] });
  // The folder of a task that touched nothing serves the next one: somebody else puts a file in its place.
  for (const name of readdirSync(join(state, "tasks")).filter((name) => name.startsWith("w"))) {
    rmSync(join(state, "tasks", name), { recursive: true });
    writeFileSync(join(state, "tasks", name), "");
  }
  const { inputs } = await market.inline({ "a.txt": Buffer.from("a") });
  const result = await market.run({ command: ["true"], inputs, secrets: { KEY: "hunter2-hunter2" } });
  expect(result.outcome).toBe("exited");
  expect(market.notices).toContainEqual(expect.stringMatching(/is given back: .*\/\*\*\*\/tasks/));
  expect(market.notices.filter((text) => text.includes("hunter2"))).toEqual([]);
});

it("keeps the secrets of a job for its retries, and for no longer than the job", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const command = ["sh", "-c", 'test "$RENDT_TRY" = 2 && test "$KEY" = hunter2'];
  const id = await market.submit({ command, secrets: { KEY: "hunter2" }, retries: 1 });
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
  await market.client.rm({ ids: [id] });
  expect((await market.client.get({ ids: [id] })).items).toEqual([{ id, missing: true }]);
});

it("refuses a secret that is too short, too long, twice or badly named, and never says its value", async () => {
  const market = await openMarketplace();
  const refused = async (more: object) => {
    const { items } = await market.client.create({ jobs: [{ spec: { command: ["true"], ...more } }] });
    return JSON.stringify(items[0]);
  };
  const all = market.client.create({
    jobs: [{ spec: { command: ["true"], secrets: { A: "xyz", "B-C": "hunter2" } } }],
  });
  const error = await all.then(String, String);
  expect(error).toContain("at least 4 bytes");
  expect(error).toContain("a name has letters");
  expect(error).not.toMatch(/xyz|hunter2/);
  await expect(
    market.client.create({ jobs: [{ spec: { command: ["true"], secrets: { A: "x".repeat(20_000) } } }] }),
  ).rejects.toMatchObject({ code: "spec_too_large" });
  expect(await refused({ env: { A: "plain" }, secrets: { A: "hunter2" } })).toMatch(/A can't be both/);
});

it("tells two requests with other secrets apart under one key, and knows the same again", async () => {
  const market = await openMarketplace();
  const create = async (secret: string) =>
    (await market.client.create({ jobs: [{ key: "k", spec: { command: ["true"], secrets: { A: secret } } }] }))
      .items[0];
  const first = await create("hunter2");
  expect(await create("hunter2")).toMatchObject({ id: first && "id" in first ? first.id : "", existing: true });
  expect(await create("hunter3")).toMatchObject({ error: { code: "id_taken" } });
});

it("leaves a log that has nothing to hide as it is", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const result = await market.run({ command: ["printf", "\\377\\000hunter"], secrets: { KEY: "other-secret" } });
  const bytes = gunzipSync(Buffer.from(result.log?.data ?? "", "base64")).subarray(11);
  expect(bytes).toEqual(Buffer.from("\xff\0hunter", "latin1"));
  expect(textOf(await market.run({ command: ["sh", "-c", "echo $KEY"], env: { KEY: "plain" } }))).toBe("plain\n");
});
