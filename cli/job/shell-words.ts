/** Splits a line as a shell splits words: single and double quotes and backslashes; nothing is expanded. Undefined when a quote stays open. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? "";
    if (quote === "" && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === "" && letter === "#" && word === undefined) {
      break;
    } else if (letter === quote) {
      quote = "";
    } else if (quote === "" && (letter === "'" || letter === '"')) {
      quote = letter;
      word ??= "";
    } else if (letter === "\\" && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word = (word ?? "") + line[at];
    } else {
      word = (word ?? "") + letter;
    }
  }
  if (quote !== "") return undefined;
  return word === undefined ? words : [...words, word];
}
