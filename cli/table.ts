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

/** What a terminal shows of a text: no colour codes, one cell per character as people count them. */
const widthOf = (text: string): number => [...segments.segment(text.replace(/\u001b\[[0-9;]*m/g, ""))].length;

/** Text of others made harmless for a terminal: control characters are shown instead of obeyed. */
export const harmless = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f]$/, "\ufffd"),
  );
