import { expect, it } from "vitest";
import { createJob, exited, machine, type TestWorld, WORKER, worldOfEachTest } from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

it("a job is created, claimed, finished and seen", async () => {
  const id = await createJob(world.submitter, { command: ["true"] });
  expect((await world.submitter.get({ ids: [id] })).items).toMatchObject([{ id, status: "available" }]);

  const claimed = await world.worker.claim({ worker: WORKER, leases: 1 });
  const [lease] = claimed.leases;
  expect(lease).toMatchObject({ job: id, from: 0, upTo: 1, try: 1, round: 0, spec: { command: ["true"] } });

  const finished = await world.worker.finish({
    worker: WORKER,
    items: [{ lease: lease?.id ?? "", from: 0, results: [exited(0)] }],
  });
  expect(finished.items).toEqual([{ lease: lease?.id, accepted: [{ from: 0, upTo: 1 }], lost: [] }]);

  const { items: seen } = await world.submitter.get({ ids: [id] });
  expect(seen).toMatchObject([{ id, status: "finished", result: { exitCode: 0 } }]);
});
