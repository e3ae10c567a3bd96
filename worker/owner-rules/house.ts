import { messageOf } from "../../contract/errors.ts";
import type { Takes } from "../../contract/worker.ts";
import type { Held } from "../held.ts";
import { type OwnerFile, readOwnerFile } from "../owner-file.ts";
import type { Slot } from "../sandbox/port.ts";
import { stampOf } from "../stamp.ts";
import { createFloor, type Place } from "./floor.ts";
import { SECOND } from "./rule.ts";
import type { Sources } from "./sources.ts";
import { createSteward, type Ruling, type Steward } from "./steward.ts";
import { createRules, giveBackAfterMs, takesOf } from "./terms.ts";

/** The owner's side of a running worker: rules that hold work back, and what stands still because of them. */
export type HouseRules = {
  /** How many slots may be used now. */
  allowed(): number;
  /** Runs a lease in a slot that is frozen whenever the rules say so. */
  during(slot: Slot, held: Held, run: (slot: Slot) => Promise<boolean>): Promise<boolean>;
  rulings(): readonly Ruling[];
  places(): readonly Place[];
  /** What is wrong with worker.toml since it changed; the rules from before are in force. */
  problem(): string | undefined;
  close(): void;
};

type Setting = {
  /** worker.toml, read again when it changes, and what it said at the start. */
  path: string | undefined;
  file: OwnerFile;
  sources: Sources;
  slots: number;
  /** More or fewer slots may be used. */
  changed(): void;
  /** Leases stand still, or go on. */
  paused(): void;
  /** The owner wants other jobs from now on, which the server has to know. */
  takes(takes: Takes | undefined): void;
  notice(text: string): void;
};

const FREE = "work goes on: no rule of the owner holds it back";
const FILE_EVERY_MS = 5 * SECOND;
/** A sensor that takes longer than this at the start is looked at later. */
const FIRST_LOOK_MS = 3 * SECOND;

/** Looks at all rules once before it answers, so that a worker does not begin with what it has to stop at once. */
export async function keepHouseRules(setting: Setting): Promise<HouseRules> {
  const { path, sources, slots, notice } = setting;
  const { clock } = sources;
  let { file } = setting;
  let problem: string | undefined;
  let told = FREE;
  let stamp = path && stampOf(path);
  let readAt = clock.steady();
  let timer: NodeJS.Timeout | undefined;
  const floor = createFloor({
    steady: clock.steady,
    giveBackAfterMs: () => giveBackAfterMs(file.rules),
    changed: setting.paused,
    notice,
  });
  /** Others that are still at their first look, or were let go, have nothing to say. */
  let inCharge: Steward | undefined;
  let steward = await hire();
  inCharge = steward;
  floor.allow(steward.runnable());
  tellOwner();

  async function hire(): Promise<Steward> {
    const rules = createRules(file.rules, sources);
    const hired: Steward = createSteward({ rules, slots, clock, changed: () => hired === inCharge && apply() });
    await firstLook(hired);
    return hired;
  }

  function apply(): void {
    floor.allow(steward.runnable());
    setting.changed();
    tellOwner();
  }

  function tellOwner(): void {
    const text = sayState(steward, slots);
    if (text !== told) notice(text);
    told = text;
  }

  async function tick(): Promise<void> {
    floor.tick();
    if (clock.steady() - readAt >= FILE_EVERY_MS) await readAgain();
    if (!inCharge) return;
    void steward.look();
    timer = setTimeout(tick, pause());
  }

  async function readAgain(): Promise<void> {
    readAt = clock.steady();
    if (path === undefined) return;
    const now = stampOf(path);
    if (now === stamp) return;
    stamp = now;
    try {
      const next = await readOwnerFile(path, sources, slots);
      const isOnlyRules = isSame(next.options, file.options);
      const before = takesOf(file.rules);
      file = { options: file.options, rules: next.rules };
      problem = undefined;
      notice(
        `${path} is read again${isOnlyRules ? "" : "; what stands outside of [rules] holds from the next start on"}`,
      );
      if (!isSame(takesOf(next.rules), before)) setting.takes(takesOf(next.rules));
      const hired = await hire();
      if (!inCharge) return;
      steward = hired;
      inCharge = hired;
      apply();
    } catch (error) {
      problem = messageOf(error);
      notice(`the rules from before stay in force: ${problem}`);
    }
  }

  const pause = () => Math.min(FILE_EVERY_MS, steward.everyMs());
  timer = setTimeout(tick, pause());
  return {
    allowed: () => steward.allowed(),
    during: floor.during,
    rulings: () => steward.rulings(),
    places: floor.places,
    problem: () => problem,
    close() {
      inCharge = undefined;
      clearTimeout(timer);
    },
  };
}

async function firstLook(steward: Steward): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FIRST_LOOK_MS);
  });
  await Promise.race([steward.look(true), late]);
  clearTimeout(timer);
}

/** Which rules hold, without their values, which change all the time. */
function sayState(steward: Steward, slots: number): string {
  const held = steward.rulings().filter(({ holds }) => holds);
  if (held.length === 0) return FREE;
  const left = steward.allowed();
  const codes = held.map(({ code }) => code).join(", ");
  return `${left === 0 ? "work rests" : `${left} of ${slots} slots work`}: ${codes}; \`rendt worker why\` tells more`;
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
