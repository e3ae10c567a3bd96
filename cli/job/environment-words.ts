/** Reads `K=V`, or `K` alone, which passes on the caller's own variable. A text answers what is wrong. */
export function readVariable(
  word: string,
  own: Readonly<Record<string, string | undefined>>,
): { name: string; value: string } | string {
  const cut = word.indexOf("=");
  const name = cut < 0 ? word : word.slice(0, cut);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${JSON.stringify(name)} is no name of an environment variable`;
  if (cut >= 0) return { name, value: word.slice(cut + 1) };
  const value = own[name];
  return value === undefined ? `${name} is not set here; write ${name}=VALUE` : { name, value };
}

/** The words of an env file: a line each, `#` begins a comment line, everything after `=` counts as it stands. */
export const environmentLines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
