import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import { buildOffer, type Handover } from "../contract/build.ts";
import { handOver, publicKeyOf } from "../contract/node-build.ts";
import { foldersOf, readPrivateFile, writePrivateFile } from "../sdk/profile.ts";
import type { Call } from "./command.ts";
import { Failure } from "./failure.ts";

/** The operator's key, which signs builds of the worker, and how it came to be the one: earlier keys that handed over to it. */
type Publisher = { key: KeyObject; handovers: readonly Handover[] };

const publisherFile = z.strictObject({ key: z.string(), handovers: buildOffer.unwrap().shape.handovers });

const pathOf = ({ environment }: Pick<Call, "environment">): string =>
  join(foldersOf(environment).config, "publisher.json");

/** The public key for the codes of workers. It is made for the first of them, so that none has to be enrolled again before it takes builds. */
export function publisherKey(call: Call): string {
  const found = readPublisher(call);
  if (found) return publicKeyOf(found.key);
  const { privateKey } = generateKeyPairSync("ed25519");
  save(call, { key: privateKey, handovers: [] });
  call.terminal.say(`made the key that signs builds of the worker: ${pathOf(call)}; keep a copy where it is safe`);
  return publicKeyOf(privateKey);
}

/** The key to sign with; `renew` puts a new one in its place, which the old one introduces. It is saved before it is used. */
export function publisherFor(call: Call, { renew }: { renew: boolean }): Publisher {
  const found = readPublisher(call);
  if (!found)
    throw new Failure("broken_setup", `there is no key to sign builds with: ${pathOf(call)} is missing`, {
      hint: "`rendt enroll create` makes it with the first code of a worker; put it back from its copy if there was one",
    });
  if (!renew) return found;
  const { privateKey } = generateKeyPairSync("ed25519");
  const next = { key: privateKey, handovers: [...found.handovers, handOver(found.key, privateKey)] };
  save(call, next);
  return next;
}

function readPublisher(call: Pick<Call, "environment">): Publisher | undefined {
  const path = pathOf(call);
  const text = readPrivateFile(path);
  if (text === undefined) return undefined;
  try {
    const { key, handovers } = publisherFile.parse(JSON.parse(text));
    return { key: createPrivateKey(key), handovers };
  } catch (cause) {
    throw new Failure("broken_setup", `${path} is damaged: it holds no key that signs builds`, {
      hint: "put it back from its copy; without one, remove it and enrol the workers again",
      cause,
    });
  }
}

function save(call: Pick<Call, "environment">, { key, handovers }: Publisher): void {
  const pem = key.export({ type: "pkcs8", format: "pem" });
  writePrivateFile(pathOf(call), `${JSON.stringify({ key: pem, handovers }, undefined, 2)}\n`);
}
