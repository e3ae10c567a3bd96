import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { processesWith, until } from "./processes.ts";
import { openScene, strictMissing } from "./sandbox/scene.ts";

const unique = (): string => `frost-${process.pid}-${Math.random().toString(36).slice(2)}`;

/** Three generations that count aloud; the command lines of all hold the marker. */
const counting = (marker: string): string[] => [
  "sh",
  "-c",
  `sh -c 'sh -c "while :; do sleep 0.02; echo inner; done; : ${marker}"; : ${marker}' & while :; do sleep 0.02; echo outer; done; : ${marker}`,
];

const stateOf = (pid: number): string =>
  /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "";
const allStopped = (marker: string): boolean => processesWith(marker).every((pid) => stateOf(pid) === "T");

const levels = ["none", ...(strictMissing === undefined ? ["strict" as const] : [])] as const;

describe.each(levels)("a frozen task at level %s", (level) => {
  it("stands still whole, and goes on when it is thawed", async () => {
    const { run, slot } = await openScene();
    const marker = unique();
    const stop = new AbortController();
    let lines = 0;
    const output = () => {
      lines += 1;
      return undefined;
    };
    const ended = run(counting(marker), { level, signal: stop.signal, output });
    await until(() => processesWith(marker).length >= 3 && lines > 3);

    await slot.freeze();
    expect(processesWith(marker).length).toBeGreaterThanOrEqual(3);
    await until(() => allStopped(marker));
    expect((await slot.use())?.pids.length).toBeGreaterThanOrEqual(3);
    const printed = lines;
    slot.thaw();
    await until(() => lines > printed + 3);

    await slot.freeze();
    stop.abort();
    expect(await ended).toMatchObject({ outcome: "stopped", exitCode: 137 });
    expect(processesWith(marker)).toEqual([]);
  });

  it("does not come nearer to its time limit, and tells for how long it ran", async () => {
    const { run, slot } = await openScene();
    const began = performance.now();
    await slot.freeze();
    const ended = run(["sleep", "0.2"], { level, timeoutMs: 1500 });
    await new Promise((resolve) => setTimeout(resolve, 1700));
    slot.thaw();
    const end = await ended;
    expect(end).toMatchObject({ outcome: "exited", exitCode: 0 });
    expect(performance.now() - began - end.durationMs).toBeGreaterThan(1500);
  });
});
