import { existsSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { freemem, platform, totalmem } from "node:os";
import { dirname } from "node:path";
import type { Room, Sensor } from "../sources.ts";

const always = async () => undefined;

/** On Linux what could be had without swapping; elsewhere what is not used at all, which is less. */
export function createMemoryRoom(): Sensor<Room> {
  return {
    missing: always,
    async read() {
      const found =
        platform() === "linux"
          ? /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "latin1"))
          : undefined;
      return { free: found ? Number(found[1]) * 1024 : freemem(), total: totalmem() };
    },
  };
}

/** Of the disk that the folder lies on, or will lie on once it is made. */
export function createDiskRoom(folder: string): Sensor<Room> {
  return {
    missing: always,
    async read() {
      let there = folder;
      while (!existsSync(there)) there = dirname(there);
      const { bsize, bavail, blocks } = await statfs(there);
      return { free: bavail * bsize, total: blocks * bsize };
    },
  };
}
