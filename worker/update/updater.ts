import type { Build } from "../../contract/build.ts";
import type { Client } from "../../contract/client.ts";
import { messageOf, RendtError } from "../../contract/errors.ts";
import type { Grant } from "../../contract/grant.ts";
import { readOffer } from "../../contract/node-build.ts";
import { DEFAULT_POLICY, sleep } from "../../contract/retry.ts";
import { readBytes } from "../../files/download.ts";
import { createBlobReader } from "../../files/read-blob.ts";
import type { Transfer } from "../../files/transfer.ts";
import { isWhole, placeBuild } from "./build-files.ts";
import { isWanted, mayTry, publisherOf, readUpdates } from "./state.ts";

/** What the launcher is told: this build lies ready. */
export type Install = Pick<Build, "version" | "sha256"> & { key: string };

/** Looks after a newer build of this very program: fetches, verifies and lays it down while no task runs. */
export type Updater = {
  /** The server told which build is offered. */
  hear(sha256: string | undefined): void;
  /** The server speaks another protocol: only another build helps. Waits for one until the signal aborts; a trial fails at once. */
  rescue(refusal: Error, signal: AbortSignal): Promise<never>;
  close(): void;
};

type Setting = {
  folder: string;
  /** The operator's key, as it came with the enrolment. */
  pinned: string;
  /** The version that runs. */
  running: string;
  client: Pick<Client, "latestBuild">;
  transfer: Pick<Transfer, "http" | "url" | "down">;
  idle: () => boolean;
  install: (build: Install) => void;
  notice: (text: string) => void;
};

const LOOK_MS = 250;
/** A worker that is never idle fetches beside its tasks, in the end; it drains before it changes. */
const PATIENCE_MS = 3_600_000;
const AGAIN_MS = 2000;
const AGAIN_AT_MOST_MS = 3_600_000;

export function createUpdater(setting: Setting): Updater {
  const { folder, running, client, idle, notice } = setting;
  const closing = new AbortController();
  /** The build that is not for this worker, or lies ready: nothing new can be heard of it. */
  let settled: string | undefined;
  let looking = false;
  /** Looks in a row that led to nothing, and the rest after the last of them. */
  let fruitless = 0;
  let resting = new AbortController();
  let told: string | undefined;

  async function look(): Promise<void> {
    const since = performance.now();
    while (!idle() && performance.now() - since < PATIENCE_MS) await sleep(LOOK_MS, closing.signal);
    const { offer, grant, protocol } = await client.latestBuild({}, { signal: closing.signal });
    if (!offer) return;
    const state = readUpdates(folder);
    const build = readOffer(offer, publisherOf(state, setting.pinned));
    if (!isWanted(state, build.version, running) || build.protocol !== protocol) {
      settled = build.sha256;
      return;
    }
    if (!mayTry(state, build.sha256, Date.now())) return;
    if (!isWhole(folder, build)) placeBuild(folder, await fetchBuild(build, grant), build);
    notice(`version ${build.version} is fetched and verified; it is started when what runs has ended`);
    setting.install({ version: build.version, sha256: build.sha256, key: offer.key });
  }

  /** In memory, so that nothing is written before all of it is verified. */
  async function fetchBuild(build: Build, grant: Grant | undefined): Promise<Buffer> {
    if (grant?.kind !== "one") throw new Error(`version ${build.version} can't be downloaded`);
    notice(`fetching version ${build.version}`);
    // A look that failed is repeated later, with a fresh grant.
    const policy = { ...DEFAULT_POLICY, tries: 1 };
    const desk = { take: async () => grant, drop: () => undefined };
    const read = createBlobReader(desk, { ...setting.transfer, policy, signal: closing.signal });
    return readBytes(build, read).catch((cause: unknown) => {
      throw new Error(`version ${build.version} did not arrive as it was signed: ${messageOf(cause)}`, { cause });
    });
  }

  /** One look at a time, and ever later ones while they lead to nothing; the server goes on to tell of the build. */
  async function start(sha256: string | undefined): Promise<void> {
    looking = true;
    try {
      await look();
    } catch (error) {
      if (closing.signal.aborted) return;
      notice(`the update waits: ${messageOf(error)}`);
      // What is not signed as it should be stays so.
      if (error instanceof RendtError && error.code === "build_refused") settled = sha256;
    }
    if (settled === undefined || settled !== sha256) await rest();
    looking = false;
  }

  async function rest(): Promise<void> {
    const ms = Math.min(AGAIN_AT_MOST_MS, AGAIN_MS * 2 ** fruitless);
    fruitless += 1;
    resting = new AbortController();
    await sleep(ms, AbortSignal.any([closing.signal, resting.signal])).catch(() => undefined);
  }

  return {
    hear(sha256) {
      if (sha256 !== told) {
        fruitless = 0;
        resting.abort();
      }
      told = sha256;
      if (sha256 === undefined || sha256 === settled || looking || closing.signal.aborted) return;
      void start(sha256);
    },
    async rescue(refusal, signal) {
      if (readUpdates(folder).trying?.version === running) throw refusal;
      notice("the server speaks another protocol: this worker waits for a build that does, too");
      for (;;) {
        if (!looking) void start(undefined);
        await sleep(LOOK_MS, signal);
      }
    },
    close: () => closing.abort(),
  };
}
