/** A word of a shell, whatever is in it; but no program can be given a NUL. */
export function quote(text: string): string {
  if (text.includes("\0"))
    throw new Error(`a word with a NUL can't be passed on: ${JSON.stringify(text.slice(0, 100))}`);
  return `'${text.replaceAll("'", "'\\''")}'`;
}

type Call = { command: readonly string[]; env: Readonly<Record<string, string>> };

/** Puts the command in the place of a shell, with these variables and no others. The shell must have exported none itself. */
export function replaceShell({ command, env }: Call): string {
  const plain: string[] = [];
  const odd: string[] = [];
  for (const [name, value] of Object.entries(env))
    if (isShellName(name)) plain.push(`${name}=${quote(value)}`);
    else odd.push(quote(`${name}=${value}`));
  const words = command.map(quote).join(" ");
  return [
    "unset PWD OLDPWD SHLVL",
    plain.length > 0 ? `export ${plain.join(" ")}` : ":",
    odd.length > 0 ? `exec env -- ${odd.join(" ")} ${words}` : `exec ${words}`,
  ].join("; ");
}

/** Such a shell has no builtin of these names that `exec` would find; OPTIND and friends mean something to it. */
const isShellName = (name: string): boolean =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(OPTIND|PPID|UID|EUID|LINENO|BASH.*|SHELLOPTS)$/.test(name);
