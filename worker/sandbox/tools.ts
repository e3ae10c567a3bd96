import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where bubblewrap and the tools around it are looked for: not on the owner's own PATH, which jobs could read off a process. */
export const TOOLS = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Whether one of the tools is installed. */
export const onPath = (name: string): boolean => TOOLS.PATH.split(":").some((folder) => existsSync(join(folder, name)));

/** The words that make what follows the last to be served by disks, where that can be had. */
export const lastAtDisks = (): string[] => (onPath("ionice") ? ["ionice", "-c", "3"] : []);

/** The words that put what follows behind others by so much at the processors; what it starts may go further. */
export const behindOthers = (nice: number): string[] => ["nice", "-n", String(nice)];
