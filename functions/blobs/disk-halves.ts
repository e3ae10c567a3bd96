import { stat, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Arrived } from "./disk-receive.ts";
import { ignore } from "./disk-sync.ts";

/** What came of a part before its connection broke: a file of verified length, and the hash of its bytes so far. */
export type Half = { path: string; arrived: Arrived };
export type PartOf = { key: string; upload: string; number: number; size: number; sha256: string };

const NOTICED_MS = 250;

/**
 * The beginnings of parts, so that a line that breaks often loses next to nothing. They are worth only what the memory of this process
 * knows of them: a restart forgets them, and their parts are sent again from their first byte.
 */
export function createHalves() {
  const halves = new Map<string, Half>();
  const onTheirWay = new Map<string, Promise<void>>();
  const nameOf = ({ key, upload, number, size, sha256 }: PartOf) => `${key}/${upload}/${number}-${size}-${sha256}`;

  async function drop(name: string, { path, arrived }: Half): Promise<number> {
    halves.delete(name);
    await unlink(path).catch(ignore("ENOENT"));
    return arrived.size;
  }

  return {
    /** Whoever asks while the part is on its way has seen the line break before we did: a moment later we know how much came. */
    async sizeOf(part: PartOf): Promise<number> {
      const coming = onTheirWay.get(nameOf(part));
      if (coming !== undefined) await Promise.race([coming, sleep(NOTICED_MS, undefined, { ref: false })]);
      return halves.get(nameOf(part))?.arrived.size ?? 0;
    },
    /** Notes that a part is on its way until `arrival` ends. */
    async during(part: PartOf, arrival: Promise<void>): Promise<void> {
      const name = nameOf(part);
      const over = arrival.catch(() => undefined);
      onTheirWay.set(name, over);
      await arrival.finally(() => {
        if (onTheirWay.get(name) === over) onTheirWay.delete(name);
      });
    },
    /** Takes it out, if it is just as long as the sender believes: of two that go on with it one may. */
    take(part: PartOf, from: number): Half | undefined {
      const half = halves.get(nameOf(part));
      if (half?.arrived.size !== from) return undefined;
      halves.delete(nameOf(part));
      return half;
    },
    /** The newer of two stays. Answers how many bytes that removed. */
    async keep(part: PartOf, half: Half): Promise<number> {
      const older = halves.get(nameOf(part));
      const bytes = older ? await drop(nameOf(part), older) : 0;
      halves.set(nameOf(part), half);
      return bytes;
    },
    /** Removes those whose name begins so, and that got nothing since `before`. Answers how many bytes that removed. */
    async remove(prefix: string, before = Number.POSITIVE_INFINITY): Promise<number> {
      let bytes = 0;
      for (const [name, half] of halves) {
        if (!name.startsWith(prefix)) continue;
        const found = await stat(half.path).catch(ignore("ENOENT"));
        // Somebody may have taken it meanwhile.
        if (halves.get(name) === half && !(found && found.mtimeMs >= before)) bytes += await drop(name, half);
      }
      return bytes;
    },
  };
}
