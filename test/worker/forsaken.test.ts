import { existsSync, lutimesSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { newWorkerId } from "../../worker/identity.ts";
import { openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";
import { forkWorker } from "./worker-child.ts";

const DAY = 86_400_000;

/** A folder of tasks as a killed worker leaves it, untouched for so long. */
function leftBehind(days: number): string {
  const folder = join("/var/tmp", `rendt-${newWorkerId()}`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "leavings", "work"), { recursive: true, mode: 0o711 });
  writeFileSync(join(folder, "leavings", "work", "out.txt"), "bytes");
  age(folder, days);
  return folder;
}

function age(folder: string, days: number): void {
  const at = (Date.now() - days * DAY) / 1000;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    lutimesSync(join(folder, name), at, at);
  lutimesSync(folder, at, at);
}

describe.runIf(process.getuid?.() === 0)("folders that killed root workers left in /var/tmp", () => {
  it("are removed by the next worker's start once nobody would offer what is in them any more", async () => {
    const young = leftBehind(6);
    // A worker of another test, at the same time, may be the one that removes it.
    await until(async () => {
      const old = leftBehind(8);
      const market = await openMarketplace();
      await market.startWorker();
      await until(() => !existsSync(old));
      return market.notices.some((notice) => notice.includes(`removed ${old}`));
    });
    expect(existsSync(join(young, "leavings", "work", "out.txt"))).toBe(true);
  });

  it("stay while their worker lives, whatever their age, and where something was written lately", async () => {
    const market = await openMarketplace();
    const closed = join(market.folder, "closed");
    mkdirSync(closed, { mode: 0o700 });
    const { id, notices } = await forkWorker(market, { state: join(closed, "state") });
    const used = join("/var/tmp", `rendt-${id}`);
    onTestFinished(() => rmSync(used, { recursive: true, force: true }));
    expect(notices).toContainEqual(expect.stringContaining(`jobs run below ${used}`));
    age(used, 30);
    const busy = leftBehind(30);
    writeFileSync(join(busy, "leavings", "work", "new.txt"), "");
    const old = leftBehind(30);
    await market.startWorker();
    await until(() => !existsSync(old));
    expect([existsSync(used), existsSync(busy)]).toEqual([true, true]);
  });

  it("that are links, or of other names, are not touched", async () => {
    const market = await openMarketplace();
    const target = join(market.folder, "precious");
    mkdirSync(join(target, "leavings", "work"), { recursive: true });
    age(target, 30);
    const link = join("/var/tmp", `rendt-${newWorkerId()}`);
    symlinkSync(target, link);
    onTestFinished(() => rmSync(link));
    const old = leftBehind(30);
    await market.startWorker();
    await until(() => !existsSync(old));
    expect(existsSync(join(target, "leavings"))).toBe(true);
  });
});
