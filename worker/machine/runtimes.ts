import { machineTag } from "../../contract/tags.ts";
import type { Ask } from "./ask.ts";

/** Programs that jobs ask for by tag, and the words that make each say its version. */
const RUNTIMES: readonly (readonly [string, string])[] = [
  ["python3", "--version"],
  ["node", "--version"],
  ["java", "-version"],
  ["go", "version"],
  ["ffmpeg", "-version"],
  ["docker", "--version"],
  ["podman", "--version"],
  ["ruby", "--version"],
  ["perl", "-v"],
  ["php", "--version"],
  ["julia", "--version"],
  ["gcc", "--version"],
  ["blender", "--version"],
];

/** The runtimes that tasks find here, as tags: `python3=3.11.2`; one that says no version by its name alone. */
export async function findRuntimes(ask: Ask): Promise<string[]> {
  const found = await Promise.all(
    RUNTIMES.map(async ([name, word]) => {
      const said = await ask(name, [word]);
      if (!said?.ok) return [];
      const version = /\d+(?:\.\d+)+/.exec(said.text)?.[0];
      const tag = `${name}=${version}`;
      return machineTag.safeParse(tag).success && version !== undefined ? [tag] : [name];
    }),
  );
  return found.flat();
}
