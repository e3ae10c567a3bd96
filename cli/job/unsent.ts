import { lstatSync } from "node:fs";
import { explainBadPath } from "../../contract/paths.ts";
import { collectInputs } from "../../files/collect.ts";
import type { Order } from "../../sdk/order.ts";

/** Words of the command that name a file here which does not go with the job: most likely forgotten. */
export async function unsentFiles({ spec, inputs, exclude }: Order): Promise<string[]> {
  const named = spec.command.filter(isFileHere);
  if (named.length === 0) return [];
  const sent = new Set((await collectInputs(inputs, { cwd: process.cwd(), exclude })).map(({ path }) => path));
  return [...new Set(named)].filter((word) => !sent.has(word.replace(/^(\.\/)+/, "")));
}

function isFileHere(word: string): boolean {
  if (word === "" || explainBadPath(word.replace(/^(\.\/)+/, "")) !== undefined) return false;
  return lstatSync(word, { throwIfNoEntry: false })?.isFile() === true;
}
