import { expect, it } from "vitest";
import { oldestWaitingMs } from "../../../functions/actions/oldest-waiting.ts";
import { metricLine } from "../../../functions/api/metric.ts";
import {
  createJob,
  exited,
  HOUR,
  MINUTE,
  machine,
  OTHER_WORKER,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

const oldest = () => oldestWaitingMs(world.world);
const claim = async () => (await world.worker.claim({ worker: WORKER, leases: 1 })).leases[0];

it("is nothing while nothing waits, and else the age of the next job of some queue", async () => {
  expect(await oldest()).toBe(0);
  await createJob(world.submitter, { command: ["true"] });
  await world.pass(10 * MINUTE);
  await createJob(world.submitter, { command: ["true"], queue: "public" });
  await world.pass(5 * MINUTE);
  expect(await oldest()).toBe(15 * MINUTE);
  expect(await claim()).toBeDefined();
  expect(await oldest()).toBe(5 * MINUTE);
});

it("counts a job that no machine can run", async () => {
  await createJob(world.submitter, { command: ["true"], limits: { cpus: 1000 } });
  await world.pass(HOUR);
  await createJob(world.submitter, { command: ["true"] });
  expect(await oldest()).toBe(HOUR);
});

it("counts a job that waits for one worker", async () => {
  await world.worker.register(machine(OTHER_WORKER));
  await createJob(world.submitter, { command: ["true"], worker: OTHER_WORKER });
  await world.pass(HOUR);
  await createJob(world.submitter, { command: ["true"], worker: WORKER });
  await world.pass(5 * MINUTE);
  expect(await oldest()).toBe(HOUR + 5 * MINUTE);
  await world.worker.claim({ worker: OTHER_WORKER, leases: 1 });
  expect(await oldest()).toBe(5 * MINUTE);
  await claim();
  expect(await oldest()).toBe(0);
});

it("of an array that is being worked on is nothing; of one that nobody takes any more, the time since then", async () => {
  await createJob(world.submitter, { command: ["true"], array: { count: 10 } });
  await world.pass(HOUR);
  const lease = await claim();
  expect(await oldest()).toBe(0);
  const results = [exited(0)];
  await world.worker.finish({ worker: WORKER, items: [{ lease: lease?.id ?? "", from: 0, results }] });
  await world.pass(7 * MINUTE);
  expect(await oldest()).toBe(7 * MINUTE);
});

it("counts a job from its time on", async () => {
  await createJob(world.submitter, { command: ["true"], delayMs: HOUR });
  await world.pass(30 * MINUTE);
  expect(await oldest()).toBe(0);
  await world.pass(40 * MINUTE);
  expect(await oldest()).toBe(10 * MINUTE);
});

it("is told as CloudWatch's embedded metric format wants it: the value at the root, named by the declaration", () => {
  const line = JSON.parse(metricLine("OldestWaiting", 90, { now: 1_700_000_000_000, of: "sweep" }));
  expect(line).toEqual({
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: "Rendt",
          Dimensions: [["FunctionName"]],
          Metrics: [{ Name: "OldestWaiting", Unit: "Seconds" }],
        },
      ],
    },
    FunctionName: "sweep",
    OldestWaiting: 90,
  });
});
