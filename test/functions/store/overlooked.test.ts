import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PINS, pinOf } from "../../../functions/domain/demand.ts";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import { recordKey } from "../../../functions/store/dynamo-items.ts";
import type { Store } from "../../../functions/store/port.ts";
import { createLaggingTable, createTime } from "./lagging-table.ts";
import { aLiveJob, newJob, nextJob } from "./records.ts";

const SECOND = 1000;
const MINUTE = 60_000;
const PIN = pinOf("w1");
/** Notes may be listed so late, and what another claim saw half a second ago is believed. */
const READ_LAG_MS = 1000;
const SHARED_MS = 500;

type Story = {
  /** Of the clocks of the processes: four that put jobs, of which two claim as well, and one that sweeps. */
  offsets: number[];
  jobs: { at: number; writer: number; name: string }[];
  /** Between the claims of either claimer. */
  pauses: number[][];
  ways: number[];
  commits: number[];
  lags: number[];
  replicas: number[];
};
type Bounds = { offset: number; lag: number; jobsFor: number; pause: number };

const between = (min: number, max: number) => fc.integer({ min, max });
const listOf = (one: fc.Arbitrary<number>, length = 12) => fc.array(one, { minLength: 1, maxLength: length });

function storyOf({ offset, lag, jobsFor, pause }: Bounds): fc.Arbitrary<Story> {
  const job = fc.record({ at: fc.nat(jobsFor), writer: fc.nat(3), name: fc.constantFrom("c", "c2", PIN) });
  return fc.record({
    offsets: fc.array(between(-offset, offset), { minLength: 5, maxLength: 5 }),
    jobs: fc.array(job, { minLength: 1, maxLength: 25 }),
    pauses: fc.array(listOf(fc.oneof(between(pause, 3 * pause), between(pause, MINUTE))), {
      minLength: 2,
      maxLength: 2,
    }),
    ways: listOf(fc.nat(150)),
    commits: fc.oneof(listOf(fc.nat(1500)), listOf(fc.nat(MINUTE))),
    lags: listOf(fc.oneof(fc.nat(lag), fc.constant(lag))),
    replicas: listOf(fc.nat(READ_LAG_MS)),
  });
}

/** A busy machine plays fewer; one that fails is told, not shrunk until the test is out of time. */
const RUNS = { numRuns: 40, interruptAfterTimeLimit: 12_000 };

/** The second job comes as late after the only note, takes as long, and is shown as late as it may. */
const LATEST: Story = {
  offsets: [0, 0, 0, 0, 0],
  jobs: [0, 9900].map((at) => ({ at, writer: 0, name: "c" })),
  pauses: [[850], [850]],
  ways: [10],
  commits: [1900],
  lags: [6 * SECOND],
  replicas: [0],
};

const inTurn = (values: readonly number[]) => {
  let turn = 0;
  return () => values[turn++ % values.length] ?? 0;
};

/** Plays a story, long enough for a claim after the last job; answers jobs that a claim did not find although they had been there, in index and answer, for `dueAfter`. */
async function overlooked(story: Story, { dueAfter, until }: { dueAfter: number; until: number }): Promise<string[]> {
  const time = createTime();
  const end = time.now() + until;
  const table = createLaggingTable(time, {
    way: inTurn(story.ways),
    commit: inTurn(story.commits),
    index: inTurn(story.lags),
    replica: inTurn(story.replicas),
  });
  const open = (at: number) =>
    createDynamoStore({ client: table.connect(), table: "t", clock: () => time.now() + (story.offsets[at] ?? 0) });
  const writers = [open(0), open(1), open(2), open(3)] as const;
  const sweeper = open(4);
  const waiting = new Map<string, { job: ReturnType<typeof aLiveJob>; from: number }>();
  const passedBy: string[] = [];

  const put = async ({ at, writer, name }: Story["jobs"][number], number: number) => {
    await time.after(at);
    const job = aLiveJob(`j${number}`, { class: name, order: at });
    await writers[writer]?.commit([newJob(job)]);
    const shown = table.shownAt(recordKey("job", job.id).pk.S) ?? Number.POSITIVE_INFINITY;
    waiting.set(job.id, { job, from: Math.max(shown, time.now()) });
  };
  const claim = async (store: Store, pauses: readonly number[]) => {
    const next = inTurn(pauses);
    for (await time.after(next()); time.now() < end; await time.after(next())) {
      const began = time.now();
      const classes = (await store.listClasses("q")).map((name) => (name === PINS ? PIN : name));
      const found = new Set(
        (await store.findClaimable({ queue: "q", classes }, { limit: 100 })).items.map(({ job }) => job),
      );
      const taken = [...waiting].filter(([id]) => found.has(id));
      for (const [id] of taken) waiting.delete(id);
      for (const [id, { from }] of waiting) if (began > from + dueAfter) passedBy.push(`${id} at ${began - from} ms`);
      const only = { status: "finished", succeeded: 1, failed: 0 } as const;
      await Promise.all(taken.map(([, { job }]) => store.commit([nextJob(job, { only })])));
    }
  };
  const sweep = async () => {
    for (; time.now() < end; await time.after(MINUTE))
      for (const name of await sweeper.listClasses("q")) await sweeper.findNext({ queue: "q", class: name });
  };
  const all = [
    ...story.jobs.map(put),
    claim(writers[2], story.pauses[0] ?? []),
    claim(writers[3], story.pauses[1] ?? []),
    sweep(),
  ];
  await Promise.all([time.run(), ...all]);
  return [...passedBy, ...waiting.keys()];
}

describe("a waiting job", () => {
  it("is found by every claim that begins a second and a half after the index shows it, while that takes up to 6 s", async () => {
    const bounds = { offset: SECOND, lag: 6 * SECOND, jobsFor: MINUTE, pause: 850 };
    const found = async (story: Story) => {
      expect(await overlooked(story, { dueAfter: READ_LAG_MS + SHARED_MS, until: 5 * MINUTE })).toEqual([]);
    };
    await fc.assert(fc.asyncProperty(storyOf(bounds), found), { ...RUNS, examples: [[LATEST]] });
  });

  it("is found within seven minutes after the index shows it, however long that takes, and whatever clocks say", async () => {
    const bounds = { offset: 60 * MINUTE, lag: 15 * MINUTE, jobsFor: 10 * MINUTE, pause: 20 * SECOND };
    const found = async (story: Story) => {
      expect(await overlooked(story, { dueAfter: 6 * MINUTE + 10 * SECOND, until: 35 * MINUTE })).toEqual([]);
    };
    await fc.assert(fc.asyncProperty(storyOf(bounds), found), RUNS);
  });
});
