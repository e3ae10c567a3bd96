import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";

const MIB = 1024 * 1024;

/** A file system of 4 MiB; false where this system does not allow one. */
function mountSmall(folder: string): boolean {
  mkdirSync(folder);
  if (process.getuid?.() !== 0) return false;
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).status !== 0) return false;
  onTestFinished(() => void spawnSync("umount", ["-l", folder]));
  chmodSync(folder, 0o711);
  return true;
}

function fill(path: string): void {
  const fd = openSync(path, "w");
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch {
    closeSync(fd);
  }
}

it("gives a task back when the worker's disk is full, and loses nothing: it ends once there is room", async ({
  skip,
}) => {
  const market = await openMarketplace();
  const disk = join(market.folder, "disk");
  if (!mountSmall(disk)) skip("a small file system can't be mounted here");
  await market.startWorker({ state: join(disk, "worker") });
  const filler = join(disk, "filler");
  writeFileSync(filler, Buffer.alloc(3 * MIB));
  const id = await market.submit({ command: ["sh", "-c", "yes | head -c 2000000"] });
  await until(() => market.notices.some((text) => text.includes("the log can't be kept")));
  expect((await market.client.show({ id })).job.tasks).toMatchObject({ failed: 0 });
  rmSync(filler);
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
  const [result] = await market.results(id);
  expect(result?.log).toMatchObject({ stdoutBytes: 2_000_000 });
});

it("takes no work while not even its journal can be written", async ({ skip }) => {
  const market = await openMarketplace();
  const disk = join(market.folder, "disk");
  if (!mountSmall(disk)) skip("a small file system can't be mounted here");
  await market.startWorker({ state: join(disk, "worker") });
  // A tmpfs counts its pages roughly: it may have room again right after it had none.
  const fillers = ["a", "b", "c", "d"].map((name) => join(disk, name));
  for (const filler of fillers) fill(filler);
  const id = await market.submit({ command: ["true", "x".repeat(110_000), "y".repeat(110_000)] });
  await until(() => market.notices.some((text) => text.includes("the journal can't be written")));
  for (const filler of fillers) rmSync(filler);
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
});
