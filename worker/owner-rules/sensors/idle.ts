import { execFile } from "node:child_process";
import { platform } from "node:os";
import { promisify } from "node:util";
import { messageOf } from "../../../contract/errors.ts";
import type { Sensor } from "../sources.ts";
import { createDesktops, type Desktops } from "./desktops.ts";
import { terminalIdleSeconds } from "./terminals.ts";

/** Seconds since somebody used this machine: the least over its terminals and desktops. */
export function createIdle(wall: () => number, xAuthority: string | undefined): Sensor<number> {
  return platform() === "darwin" ? createMacIdle() : createLinuxIdle(wall, createDesktops({ xAuthority }));
}

function createLinuxIdle(wall: () => number, desktops: Desktops): Sensor<number> {
  return {
    async missing() {
      const why = await desktops.missing(wall());
      if (why !== undefined) return why;
      const seen = await desktops.idleSeconds(wall());
      if (seen.length > 0 || terminalIdleSeconds(wall()) !== undefined) return undefined;
      return "this machine has neither terminals nor a desktop whose use could be seen";
    },
    async read() {
      const now = wall();
      const terminals = terminalIdleSeconds(now);
      return Math.min(...(terminals === undefined ? [] : [terminals]), ...(await desktops.idleSeconds(now)));
    },
  };
}

const run = promisify(execFile);
const WORDS = ["-c", "IOHIDSystem", "-d", "4", "-S"];

function createMacIdle(): Sensor<number> {
  const read = async () => readIoreg((await run("/usr/sbin/ioreg", WORDS)).stdout);
  return {
    async missing() {
      try {
        await read();
        return undefined;
      } catch (error) {
        return `ioreg does not tell: ${messageOf(error)}`;
      }
    },
    read,
  };
}

/** `"HIDIdleTime" = 1234567890`, in ns. */
export function readIoreg(text: string): number {
  const found = /"HIDIdleTime" = (\d+)/.exec(text);
  if (!found) throw new Error("there is no HIDIdleTime in what it says");
  return Number(found[1]) / 1e9;
}
