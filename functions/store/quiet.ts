import { remember } from "../domain/remember.ts";

/** A process notes a class again after so long, at the earliest, while it puts work there. */
export const CLASS_NOTED_FOR_MS = 10_000;
/** A commit that took longer than this is noted once more. */
export const LONG_COMMIT_MS = 2000;
/** Longest time from a commit until the index shows it that claimers allow for; it is milliseconds as a rule. */
const INDEX_LAG_MS = 8000;
const SETTLED_MS = CLASS_NOTED_FOR_MS + LONG_COMMIT_MS + INDEX_LAG_MS;
/** What a list said is believed this long. */
const LISTED_FOR_MS = 5000;
/** Many workers that ask one process share what one of them saw. */
const SHARED_FOR_MS = 500;

/** `entry`: as which it is noted; `name`: the class itself, which differs where an entry stands for many. */
export type Noted = { entry: string; name: string };

/**
 * Which classes this process need not look at, because whatever came since it found them empty would have been noted.
 *
 *   note, and its writer puts work there without another ─── 10 s ───┐
 *         that work is committed and in the index ─────────────────── ≤ 10 s ──┐
 *     a note that is new to us is listed ───────────────────────────── 20 s ───┴── found empty by a look from here on: quiet
 *
 * What is noted is compared with what was noted before, never with a clock: those of two processes may differ by anything.
 */
export function createQuiet(clock: () => number) {
  const heard = new Map<string, { note: number | undefined; since: number; listedAt: number }>();
  const empty = new Map<string, number>();

  return {
    /** A list told this note. */
    listed(entry: string, note: number): void {
      const last = heard.get(entry);
      const since = last?.note === note ? last.since : clock();
      remember(heard, entry, { note, since, listedAt: clock() });
    },
    /** This process itself is about to put something there. */
    touched(entry: string): void {
      const { note, listedAt = Number.NEGATIVE_INFINITY } = heard.get(entry) ?? {};
      remember(heard, entry, { note, since: clock(), listedAt });
    },
    /** A look that began then found nothing. */
    sawEmpty({ entry, name }: Noted, at: number): void {
      const key = `${entry} ${name}`;
      remember(empty, key, Math.max(at, empty.get(key) ?? at));
    },
    /** `forMs`: how old the look may be. */
    isQuiet({ entry, name }: Noted, forMs = Number.POSITIVE_INFINITY): boolean {
      const news = heard.get(entry);
      const emptyAt = empty.get(`${entry} ${name}`);
      if (!news || emptyAt === undefined || clock() - news.listedAt > LISTED_FOR_MS) return false;
      const age = clock() - emptyAt;
      return age < forMs && (emptyAt > news.since + SETTLED_MS || (emptyAt > news.since && age < SHARED_FOR_MS));
    },
  };
}
