import * as z from "zod";
import { size } from "../owner-units.ts";
import { shortSize } from "./say.ts";
import { SENSOR_OF, type Sources } from "./sources.ts";

/** What of a file can be looked at although other parts of it may be wrong. */
const loose = z.looseObject({
  slots: z.int().min(1).optional().catch(undefined),
  rules: z.record(z.string(), z.unknown()).default({}).catch({}),
});

/** Rules that can't hold together, or can never be met. `given`: how many slots there are whatever the file says. */
export function disagreements(raw: unknown, given: number | undefined): string[] {
  const { rules, slots: written } = loose.parse(raw);
  const slots = given ?? written;
  const present = rules["slots-while-present"];
  const queues = rules["queues"];
  const isClosed = Array.isArray(queues) && !queues.includes("public");
  const found: (string | undefined)[] = [
    rules["accounts"] !== undefined && isClosed
      ? 'rules.accounts: jobs of other accounts come through the queue "public", which queues leaves out'
      : undefined,
    rules["minimum-pay"] !== undefined && isClosed
      ? 'rules.minimum-pay: strangers, who are to pay, come through the queue "public", which queues leaves out'
      : undefined,
    present !== undefined && rules["user-idle"] === undefined
      ? "rules.slots-while-present: without user-idle nobody is ever taken for present"
      : undefined,
    typeof present === "number" && slots !== undefined && present >= slots
      ? `rules.slots-while-present: ${present} is not less than all ${slots} slots, so user-idle would never hold anything back`
      : undefined,
  ];
  return found.filter((text) => text !== undefined);
}

/** Rules that this machine can't tell about, or that ask for more than it has. */
export async function missingSensors(raw: unknown, sources: Sources): Promise<string[]> {
  const { rules } = loose.parse(raw);
  const found = await Promise.all(
    Object.entries(SENSOR_OF).map(async ([name, sensor]) => {
      if (rules[name] === undefined) return undefined;
      const why = (await sources[sensor].missing()) ?? (await tooMuch(name, rules[name], sources));
      return why && `rules.${name}: ${why}`;
    }),
  );
  return found.filter((text) => text !== undefined);
}

async function tooMuch(name: string, value: unknown, { memory, disk }: Sources): Promise<string | undefined> {
  const room = name === "free-memory" ? memory : name === "free-disk" ? disk : undefined;
  const asked = size.safeParse(value);
  if (!room || !asked.success) return undefined;
  const { total } = await room.read();
  if (asked.data < total) return undefined;
  return `${shortSize(asked.data)} can never be free: there are ${shortSize(total)} in all, so work would never run`;
}
