import type { Slice } from "./records.ts";
import type { DoneEntry, DonePage } from "./slice-record.ts";

const MOST_ENTRIES = 32;
/** What stays in the record when it is folded: the entries that are most likely asked for again. */
const KEPT_ENTRIES = 8;
const MOST_PAGES = 32;

/** What this lease handed in for a task, if it did; the last entry counts. */
export function namedBy(
  slice: Slice,
  pages: readonly DoneEntry[] | undefined,
  who: { lease: string; worker: string; position: number },
): DoneEntry | undefined {
  const isIt = (entry: DoneEntry) =>
    entry.lease === who.lease && entry.worker === who.worker && entry.from <= who.position && who.position < entry.upTo;
  return slice.done.findLast(isIt) ?? pages?.findLast(isIt);
}

/** The page to be written as a document before the commit, when `done` has become too long; then `folded` names it in the record. */
export function pageOf(slice: Slice): DonePage | undefined {
  if (slice.done.length <= MOST_ENTRIES) return undefined;
  const pages = slice.pages ?? [];
  return { pages: pages.length >= MOST_PAGES ? pages : [], done: slice.done.slice(0, -KEPT_ENTRIES) };
}

/** The slice with its older entries replaced by the hash of the document that holds `pageOf(slice)`. */
export function folded(slice: Slice, page: DonePage, hash: string): Slice {
  const pages = slice.pages ?? [];
  return {
    ...slice,
    done: slice.done.slice(page.done.length),
    pages: page.pages.length > 0 ? [hash] : [...pages, hash],
  };
}

/** The entries behind page hashes, oldest first, as far as the pages have been read; `missing` names those still to be read. */
export function unfold(
  hashes: readonly string[],
  read: ReadonlyMap<string, DonePage>,
): { entries: DoneEntry[]; missing: string[] } {
  const parts = hashes.map((hash) => {
    const page = read.get(hash);
    if (!page) return { entries: [], missing: [hash] };
    const older = unfold(page.pages, read);
    return { entries: [...older.entries, ...page.done], missing: older.missing };
  });
  return { entries: parts.flatMap((part) => part.entries), missing: parts.flatMap((part) => part.missing) };
}
