import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { root } from "../repo/sources.ts";
import { hasShape, pairIds, readSteps, type Step, shapeOf } from "./console.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Programs that stay. The page's port may be taken here, so a server takes any free one. */
const STAYS = /^rendt (up|worker start)\b/;
const SERVER = /^rendt up\b/;
const URL = /http:\/\/127\.0\.0\.1:\d+/;
/** Said only where the worker is root and its folder closed to its slots' users. */
const ROOT_ONLY = /^worker: jobs run below /;

/** Does all that a page tells its reader, in a folder and a home of its own, and compares what is printed by its shape. */
export async function walkThrough(page: string, dist: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-docs-"));
  const terminals = new Map<string, Terminal>();
  const actual = new Map<string, string>();
  let server: { name: string; url: string } | undefined;
  // Also after a timeout, when this function still waits for a program.
  onTestFinished(async () => {
    // Workers first: they hand in what they have to the server.
    for (const name of [...terminals.keys()].reverse()) await closeTerminal(name);
    rmSync(folder, { recursive: true, force: true });
  });

  const env = install(folder, dist);
  for (const step of readSteps(readFileSync(join(root, page), "utf8"))) {
    if (step.kind === "file") writeFileSync(join(folder, "work", step.name), step.text);
    else if (step.kind === "stop") await closeTerminal(step.terminal);
    else await type(step);
  }

  async function type({ command, expected, terminal: name, line }: Extract<Step, { kind: "command" }>): Promise<void> {
    if (SERVER.test(command) && server) await closeTerminal(server.name);
    const terminal = terminals.get(name) ?? openTerminal(join(folder, "work"), env);
    terminals.set(name, terminal);
    const typed = substitute(command);
    const isReady = (lines: string[]) => hasShape(withoutRoot(lines), expected);
    const printed = withoutRoot(
      STAYS.test(command)
        ? await terminal.start(typed.replace(SERVER, "rendt up --listen 127.0.0.1:0"), isReady)
        : await terminal.run(typed),
    );
    for (const [theirs, ours] of pairIds(expected, printed)) actual.set(theirs, ours);
    if (SERVER.test(command)) server = { name, url: URL.exec(printed.join("\n"))?.[0] ?? "" };
    if (!hasShape(printed, expected))
      expect(printed.map(shapeOf), `${page}:${line}: ${command}`).toEqual(expected.map(shapeOf));
  }

  async function closeTerminal(name: string): Promise<void> {
    await terminals.get(name)?.close();
    terminals.delete(name);
  }

  function substitute(command: string): string {
    const named = [...actual].reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), command);
    return server ? named.replace(URL, server.url) : named;
  }
}

const withoutRoot = (lines: string[]): string[] => lines.filter((line) => !ROOT_ONLY.test(line));

/** `rendt` on PATH and as a package, as `npm i` leaves them, and a home without profiles. */
function install(folder: string, dist: string): Record<string, string> {
  const [home, work, bin] = ["home", "work", "bin"].map((name) => join(folder, name)) as [string, string, string];
  const own = join(work, "node_modules", "rendt");
  for (const path of [home, bin, own]) mkdirSync(path, { recursive: true });
  copyFileSync(join(root, "package.json"), join(own, "package.json"));
  symlinkSync(dist, join(own, "dist"));
  writeFileSync(join(bin, "rendt"), `#!/bin/sh\nexec '${process.execPath}' '${dist}/rendt.js' "$@"\n`, { mode: 0o755 });
  return { HOME: home, PATH: `${bin}:${process.env["PATH"]}`, LC_ALL: "C", NO_PROXY: "127.0.0.1", TERM: "dumb" };
}
