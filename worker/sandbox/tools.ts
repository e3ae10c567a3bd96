import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where bubblewrap and the tools around it are looked for: not on the owner's own PATH, which jobs could read off a process. */
export const TOOLS = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Whether one of the tools is installed. */
export const onPath = (name: string): boolean => TOOLS.PATH.split(":").some((folder) => existsSync(join(folder, name)));
