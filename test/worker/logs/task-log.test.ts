import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createFrameDecoder } from "../../../contract/log-frames.ts";
import { createTaskLog } from "../../../worker/logs/task-log.ts";
import { sayBytes } from "../../../worker/say.ts";

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendt-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe("a task's log", () => {
  const read = (paths: readonly string[]) => {
    const decoder = createFrameDecoder();
    const frames = decoder.push(Buffer.concat(paths.map((path) => readFileSync(path))));
    expect(decoder.pending).toBe(0);
    return frames.map(({ bytes }) => Buffer.from(bytes).toString());
  };

  it("touches no disk while it is short", () => {
    const path = join(temporary(), "log");
    const log = createTaskLog(path, 1_000_000, () => 5);
    void log.write("stdout", Buffer.from("hello"));
    expect(log.inMemory()?.length).toBe(16);
    expect(existsSync(`${path}.head`)).toBe(false);
  });

  it("reads also what is still on its way to disk", async () => {
    const log = createTaskLog(join(temporary(), "log"), 1_000_000, () => 5);
    const printed = ["a".repeat(60_000), "b".repeat(60_000), "last words\n"];
    for (const text of printed) void log.write("stdout", Buffer.from(text));
    const decoder = createFrameDecoder();
    const kept = decoder.push(await log.read(0, 1_000_000)).map(({ bytes }) => Buffer.from(bytes).toString());
    expect(kept).toEqual(printed);
    await log.remove();
  });

  it("keeps the beginning and the end of what is too long, and counts what it left out", async () => {
    const log = createTaskLog(join(temporary(), "log"), 40_000, () => 5);
    const lines = Array.from({ length: 1000 }, (_, at) => `${String(at).padStart(99, "0")}\n`);
    for (const line of lines) await log.write("stdout", Buffer.from(line));
    const kept = read(await log.close());
    const gap = kept.findIndex((line, at) => line !== lines[at]);
    const [told = "", ...end] = kept.slice(gap);
    expect(kept.slice(0, gap)).toEqual(lines.slice(0, gap));
    expect(end).toEqual(lines.slice(-end.length));
    const lineBytes = (gap + end.length) * 111;
    expect(lineBytes).toBeGreaterThan(25_000);
    expect(lineBytes).toBeLessThanOrEqual(40_000);
    const droppedBytes = (lines.length - gap - end.length) * 100;
    expect(told).toBe(`\n[rendt: ${sayBytes(droppedBytes)} left out here]\n`);
    const bytes = lineBytes + 11 + told.length;
    expect(log.counts).toEqual({ bytes, stdoutBytes: 100_000, stderrBytes: 0, droppedBytes });
  });

  it("drops nothing up to the very cap, however the pieces are cut, and something above it", async () => {
    const cap = 64 * 1024;
    for (const size of [1, 100, 5_000, 9_973, 16_384]) {
      const log = createTaskLog(join(temporary(), "log"), cap, () => 5);
      let bytes = 0;
      for (; bytes + size + 11 <= cap; bytes += size + 11) await log.write("stdout", Buffer.alloc(size, 7));
      await log.write("stdout", Buffer.alloc(Math.max(0, cap - bytes - 11), 8));
      expect(log.counts.droppedBytes, `pieces of ${size}`).toBe(0);
      await log.write("stdout", Buffer.alloc(size, 9));
      expect(log.counts.droppedBytes, `pieces of ${size}`).toBeGreaterThan(0);
      await log.remove();
    }
  });

  it("tells of growth only when the bytes can be read", async () => {
    const log = createTaskLog(join(temporary(), "log"), 10_000_000, () => 5);
    const seen: number[] = [];
    log.onGrowth = () => seen.push(log.steady);
    for (let at = 0; at < 5; at += 1) await log.write("stdout", Buffer.alloc(50_000));
    expect(seen).toEqual([1, 2, 3, 4, 5].map((pieces) => pieces * 50_011));
    await log.remove();
  });

  it("can be read while it grows, from memory and from disk alike", async () => {
    const log = createTaskLog(join(temporary(), "log"), 10_000_000, () => 5);
    void log.write("stdout", Buffer.from("start"));
    const early = await log.read(0, 100);
    for (let at = 0; at < 20; at += 1) await log.write("stderr", Buffer.alloc(10_000, at));
    const late = await log.read(0, 1_000_000);
    expect(late.subarray(0, early.length)).toEqual(early);
    expect(late.length).toBe(log.steady);
    await log.remove();
  });
});
