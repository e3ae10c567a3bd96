import { messageOf } from "../../contract/errors.ts";
import { hintFor } from "../sandbox/hints.ts";
import type { SlotUser } from "../sandbox/port.ts";
import { onPath } from "../sandbox/tools.ts";
import { type Channels, openChannels } from "./channels.ts";
import { type SlotShell, startSlotShell } from "./shell.ts";
import { runText } from "./text.ts";

export type OpenSlot = { shell: SlotShell; channels: Channels };

type Setting = {
  folder: string;
  /** One per slot; undefined where jobs run as the worker's own user. */
  users: readonly (SlotUser | undefined)[];
  notice: (text: string) => void;
};

const READY_MS = 10_000;
const NEEDED = ["setpriv", "unshare", "setsid"];

/** Gives each slot a namespace of its own and tries it; answers why that can't be, if so. */
export async function openSlots({
  folder,
  users,
  notice,
}: Setting): Promise<{ slots: OpenSlot[]; close(): Promise<void> } | string> {
  if (process.platform !== "linux") return "it needs Linux";
  const missing = NEEDED.filter((tool) => !onPath(tool));
  if (missing.length > 0) return `there is no ${missing.join(", no ")}: install the package util-linux`;
  const { channels, close: closeShared } = await openChannels(folder, users.length);
  const slots = channels.map((own, at) => ({
    channels: own,
    shell: startSlotShell({ channels: own, user: users[at], notice }),
  }));
  const close = async () => {
    await Promise.all(slots.map(({ shell }) => shell.close()));
    closeShared();
  };
  try {
    await Promise.all(slots.map(({ shell }) => tryOut(shell)));
    return { slots, close };
  } catch (error) {
    await close();
    const why = messageOf(error);
    return `${why}${hintFor(why)}`;
  }
}

async function tryOut(shell: SlotShell): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("its shell does not answer")), READY_MS);
  });
  try {
    await Promise.race([shell.ready(), late]);
    const how = await Promise.race([
      shell.run((number) => runText(number, { cwd: "/", stdin: undefined, body: "exec true" })),
      late,
    ]);
    if ("dead" in how) throw new Error(how.dead);
    if (how.status !== 0 || shell.first() === undefined)
      throw new Error(how.said.trim() || `a trial ended with ${how.status}`);
  } finally {
    clearTimeout(timer);
  }
}
