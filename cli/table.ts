/** Lines of aligned columns; `widths` are those of the text without colour codes. The last column is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)),
      )
      .join("  ")
      .trimEnd(),
  );
}

const segments = new Intl.Segmenter();

/** Emoji, and the scripts whose characters fill two cells (Unicode's annex 11: wide and fullwidth); halfwidth forms do not. */
const WIDE =
  /^(?![\uff61-\uffdc])(\p{Emoji_Presentation}|.*\ufe0f|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6])/u;

/** What a terminal shows of a text: no colour codes, one or two cells per character as people count them. */
const widthOf = (text: string): number =>
  [...segments.segment(text.replace(/\u001b\[[0-9;]*m/g, ""))].reduce(
    (sum, { segment }) => sum + (WIDE.test(segment) ? 2 : 1),
    0,
  );

/** Text of others made harmless for a terminal: control characters are shown instead of obeyed. */
export const harmless = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f]$/, "\ufffd"),
  );
