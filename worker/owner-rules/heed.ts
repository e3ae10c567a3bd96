import { messageOf } from "../../contract/errors.ts";
import type { Verdict } from "./rule.ts";
import type { Sensor } from "./sources.ts";

/** A sensor that fails, or says what can't be, says nothing: work is held back, as the owner's wish is not known to be met. */
export async function heed<T>(
  sensor: Sensor<T>,
  what: string,
  { isNonsense, judge }: { isNonsense(value: T): string | undefined; judge(value: T): Verdict },
): Promise<Verdict> {
  let value: T;
  try {
    value = await sensor.read();
  } catch (error) {
    return unknown(`${what} can't be read: ${messageOf(error)}`);
  }
  const nonsense = isNonsense(value);
  return nonsense === undefined ? judge(value) : unknown(`${what} reports ${nonsense}, which can't be`);
}

const unknown = (text: string): Verdict => ({ holds: true, text: `${text}; it is taken as unknown` });
