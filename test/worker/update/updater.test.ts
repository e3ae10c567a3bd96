import { spawnSync } from "node:child_process";
import { generateKeyPairSync, hash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { createClient } from "../../../contract/client.ts";
import { PROTOCOL_VERSION } from "../../../contract/limits.ts";
import { publicKeyOf, signBuild } from "../../../contract/node-build.ts";
import { createLanes } from "../../../files/lanes.ts";
import { createNodeHttp } from "../../../files/node-http.ts";
import { createRate } from "../../../files/rate.ts";
import { type Line, useGrant } from "../../../files/transfer.ts";
import { startLocal } from "../../../functions/local.ts";
import { isWhole } from "../../../worker/update/build-files.ts";
import { NOTHING, writeUpdates } from "../../../worker/update/state.ts";
import { createUpdater, type Install } from "../../../worker/update/updater.ts";

const newKey = () => generateKeyPairSync("ed25519").privateKey;

/** A server with a published build, and what a worker does about it. */
async function openPublished(version = "2.0.0") {
  const folder = mkdtempSync(join(tmpdir(), "rendt-updater-"));
  const server = await startLocal({ folder: join(folder, "server"), host: "127.0.0.1", port: 0 });
  const { tokens } = server.first ?? {};
  const http = createNodeHttp();
  const clientOf = (token: string | undefined) => createClient({ url: server.url, token, transport: http.transport });
  const [admin, client] = [clientOf(tokens?.admin), clientOf(tokens?.worker)];
  const key = newKey();
  const bytes = Buffer.from(`// ${version}\n`.repeat(5000));
  const build = { version, sha256: hash("sha256", bytes), size: bytes.length, protocol: PROTOCOL_VERSION };
  const offer = signBuild(build, key, []);
  const { grant } = await admin.publish({ offer });
  if (grant?.kind !== "one") throw new Error("no grant to upload by");
  const headers = { "content-length": String(bytes.length) };
  const sent = await useGrant({ http, url: server.url }, { grant, headers, body: once(bytes) });
  sent.body.resume();
  await admin.publish({ offer });
  const ends: (() => unknown)[] = [];
  onTestFinished(async () => {
    for (const end of ends) end();
    http.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const notices: string[] = [];
  const installs: Install[] = [];
  return {
    folder,
    build,
    bytes,
    notices,
    installs,
    pinned: publicKeyOf(key),
    /** Hears of the build, and comes back when something was installed or said. */
    async hear(more: Heard = {}) {
      const builds = more.builds ?? join(folder, "builds");
      const updater = createUpdater({
        folder: builds,
        pinned: publicKeyOf(key),
        running: "1.0.0",
        client,
        transfer: { http, url: server.url, down: more.down },
        idle: () => true,
        install: (install) => installs.push(install),
        notice: (text) => notices.push(text),
        ...more,
      });
      ends.push(updater.close);
      updater.hear(build.sha256);
      return { builds, files: () => (existsSync(builds) ? readdirSync(builds) : []) };
    },
  };
}

type Heard = { pinned?: string; running?: string; idle?: () => boolean; builds?: string; down?: Line };

async function* once(bytes: Buffer) {
  yield bytes;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await sleep(10);
};

it("a build is fetched when no task runs, verified, laid down whole, and told to the launcher", async () => {
  const published = await openPublished();
  const { build, installs, pinned } = published;
  let idle = false;
  const { builds, files } = await published.hear({ idle: () => idle });
  await sleep(200);
  expect(files()).toEqual([]);
  idle = true;
  await until(() => installs.length > 0);
  expect(installs).toEqual([{ version: "2.0.0", sha256: build.sha256, key: pinned }]);
  expect([isWhole(builds, build), files()]).toEqual([true, [`${build.sha256}.mjs`]]);
});

it("one that another key signed is refused before a byte of it is fetched", async () => {
  const published = await openPublished();
  const { files } = await published.hear({ pinned: publicKeyOf(newKey()) });
  await until(() => published.notices.length > 0);
  expect(published.notices).toEqual([
    expect.stringMatching(/the build is refused: it is signed by the key .* trusted here/),
  ]);
  expect(files()).toEqual([]);
});

it.each([
  ["the same version", "2.0.0"],
  ["a newer one", "2.0.1"],
])("a worker that runs %s takes nothing", async (_, running) => {
  const published = await openPublished();
  const { files } = await published.hear({ running });
  await sleep(300);
  expect([files(), published.notices, published.installs]).toEqual([[], [], []]);
});

it("a worker that once ran a newer one well does not go behind it, and one that was not healthy rests", async () => {
  const published = await openPublished();
  const { sha256 } = published.build;
  const [newer, tried] = [join(published.folder, "newer"), join(published.folder, "tried")];
  writeUpdates(newer, { ...NOTHING, current: { version: "2.1.0", sha256: "0".repeat(64) } });
  writeUpdates(tried, { ...NOTHING, refused: [{ version: "2.0.0", sha256, at: Date.now() - 3_500_000, times: 1 }] });
  await published.hear({ builds: newer });
  await published.hear({ builds: tried });
  await sleep(300);
  expect(published.installs).toEqual([]);
  writeUpdates(tried, { ...NOTHING, refused: [{ version: "2.0.0", sha256, at: Date.now() - 3_700_000, times: 1 }] });
  await published.hear({ builds: tried });
  await until(() => published.installs.length > 0);
});

it("a build counts where downloads are bounded", async () => {
  const published = await openPublished();
  let counted = 0;
  const rate = createRate(1e9);
  const take = async (bytes: number) => {
    counted += bytes;
  };
  await published.hear({ down: { lanes: createLanes(), rate: { ...rate, take } } });
  await until(() => published.installs.length > 0);
  expect(counted).toBe(published.bytes.length);
});

it.each(["tampered with", "cut in half"])("a build that was %s in the store is not written", async (how) => {
  const published = await openPublished();
  const { build, bytes, folder } = published;
  const blobs = join(folder, "server", "blobs");
  const name = readdirSync(blobs, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith(build.sha256));
  const path = join(blobs, name ?? "");
  if (how === "cut in half") truncateSync(path, bytes.length / 2);
  else writeFileSync(path, Buffer.from(bytes).fill(0x20, 100, 101));
  const { files } = await published.hear();
  await until(() => published.notices.length > 1);
  expect(published.notices.at(-1)).toMatch(/the update waits: .*(did not arrive as it was signed|can't reach)/);
  expect([files(), published.installs]).toEqual([[], []]);
});

it("a full disk leaves no half of it, and the worker as it was", async ({ skip }) => {
  const published = await openPublished();
  const disk = join(published.folder, "disk");
  mkdirSync(disk);
  const mounted =
    process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk]).status === 0;
  if (!mounted) skip("a small file system can't be mounted here");
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  const { builds } = await published.hear({ builds: join(disk, "builds") });
  await until(() => published.notices.some((text) => text.includes("the update waits")));
  expect(published.notices.at(-1)).toContain("the disk is full");
  expect([isWhole(builds, published.build), published.installs]).toEqual([false, []]);
  expect(readdirSync(builds)).toEqual([]);
});
