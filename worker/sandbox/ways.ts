import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createPipeStock, heldPipe } from "../pipes.ts";
import { ATTEMPT_VARIABLE, type ProcessHost, type Start } from "../process.ts";
import { type OpenSlot, openSlots } from "../slot/open.ts";
import { slotStart } from "../slot/start.ts";
import { SPEAKER } from "../slot/text.ts";
import { createUsageMeter } from "../usage.ts";
import { startWatchdog, type Watchdog } from "../watchdog.ts";
import { INNER_SPEAKER } from "./bubblewrap.ts";
import { plainStart } from "./plain.ts";
import type { Level, SlotUser } from "./port.ts";
import { type StrictSetting, strictInSlot } from "./strict.ts";
import { strictChild } from "./strict-child.ts";

/** How a slot runs each level. */
export type Ways = Record<Level, Way>;
type Way = { host: Pick<ProcessHost, "pipes" | "usage" | "speaker">; start: Start };

type Setting = {
  state: string;
  life: string;
  /** One per slot; undefined where jobs run as the worker's own user. */
  users: readonly (SlotUser | undefined)[];
  strict: StrictSetting;
  notice: (text: string) => void;
};

type Found = {
  ways: Ways[];
  /** Why slots have no namespaces of their own here, if so. */
  without: string | undefined;
  close(): Promise<void>;
};

/**
 * The shell of a slot starts what it can: then the worker never forks, whatever its memory, and the kernel ends what a task leaves. The rest
 * are children of the worker, with a watchdog against its sudden death: all where there are no namespaces, and strict runs in systemd's groups,
 * which can't be made from inside of one.
 */
export async function findWays({ strict, ...setting }: Setting): Promise<Found> {
  const { state, users, notice } = setting;
  const opened = await openSlots({ folder: join(state, "slots"), users, notice });
  const own = typeof opened === "string" ? [] : opened.slots;
  const isWhole = own.length > 0 && strict.scope === undefined;
  const children = isWhole ? undefined : await openChildren(setting);
  return {
    ways: users.map((user, slot) => {
      const inSlot = own[slot] && waysInSlot(own[slot], { user, slot, strict });
      if (inSlot && !children) return inSlot;
      if (!children) throw new Error(`there is no slot ${slot}`);
      const { host, watchdog } = children;
      const place = { user, slot, watchdog };
      return {
        none: inSlot?.none ?? { host, start: plainStart(place) },
        strict: { host: { ...host, speaker: INNER_SPEAKER }, start: strictChild(strict, place) },
      };
    }),
    without: typeof opened === "string" ? opened : undefined,
    async close() {
      if (typeof opened !== "string") await opened.close();
      await children?.close();
    },
  };
}

type Place = { user: SlotUser | undefined; slot: number; strict: StrictSetting };

function waysInSlot({ shell, channels }: OpenSlot, { user, slot, strict }: Place): Ways {
  const host: Way["host"] = {
    pipes: {
      take: async (stream, sink) => heldPipe(channels[stream].held, channels[stream].path, sink),
      close: () => undefined,
    },
    usage: createUsageMeter(availableParallelism(), shell.first),
  };
  return {
    none: { host: { ...host, speaker: SPEAKER }, start: slotStart(shell, user, slot) },
    strict: {
      host: { ...host, speaker: INNER_SPEAKER },
      start: strictInSlot(strict, { shell, say: channels.say, slot }),
    },
  };
}

type Children = { host: Way["host"]; watchdog: Watchdog; close(): Promise<void> };

async function openChildren({ state, life, users, notice }: Omit<Setting, "strict">): Promise<Children> {
  const pipes = await createPipeStock(join(state, "pipes"), 2 * users.length);
  const watchdog = startWatchdog(`${ATTEMPT_VARIABLE}=${life}.`, notice);
  return {
    host: { pipes, usage: createUsageMeter(availableParallelism(), () => "self") },
    watchdog,
    async close() {
      pipes.close();
      await watchdog.close();
    },
  };
}
