import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  DynamoDBServiceException,
  TransactionCanceledException,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { type Cloud, openCloud } from "../../../bench/support/cloud.ts";
import { type Dynamo, openDynalite } from "../../../bench/support/dynamo.ts";
import { ERRORS, type ErrorCode, RendtError } from "../../../contract/errors.ts";
import type { JobSpecInput } from "../../../contract/job.ts";

const MINUTE = 60_000;

let dynamo: Dynamo;
let accounts = 0;
beforeAll(async () => {
  dynamo = await openDynalite();
});
afterAll(() => dynamo.close());

type Send = () => Promise<unknown>;
/** Undefined: this request can't fail in this way. */
type Fault = (command: string, input: object, send: Send) => Promise<never> | undefined;

const serverError = (name: string, $fault: "client" | "server") =>
  new DynamoDBServiceException({ name, message: "injected", $fault, $metadata: {} });

/** Each as it looks behind the SDK's own retries. */
const FAULTS: Record<string, Fault> = {
  "DynamoDB throttles": async () => {
    throw serverError("ThrottlingException", "client");
  },
  "DynamoDB answers 500": async () => {
    throw serverError("InternalServerError", "server");
  },
  "the answer is lost": async (_, __, send) => {
    await send();
    throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  },
  "somebody else was faster": (command, input) => {
    if (command === "TransactWriteItems") {
      const CancellationReasons = [{ Code: "ConditionalCheckFailed" }];
      throw new TransactionCanceledException({ message: "injected", CancellationReasons, $metadata: {} });
    }
    const { ConditionExpression = "" } = input as { ConditionExpression?: string };
    if (!ConditionExpression.includes("#version")) return undefined;
    throw new ConditionalCheckFailedException({ message: "injected", $metadata: {} });
  },
};

/** Fails the k-th request that follows `arm`. */
function createInjector() {
  let sent = 0;
  let armed: { at: number; fault: Fault } | undefined;
  return {
    prepare(client: DynamoDBClient): void {
      client.middlewareStack.add(
        (next, context) => async (args) => {
          sent += 1;
          const command = String(context["commandName"]).replace("Command", "");
          if (!armed || sent !== armed.at) return next(args);
          const failure = armed.fault(command, args.input, () => next(args));
          return failure ?? next(args);
        },
        { step: "initialize" },
      );
    },
    arm(next: { at: number; fault: Fault } | undefined): void {
      sent = 0;
      armed = next;
    },
    sent: () => sent,
  };
}

/** Says again what failed for a reason that passes, as every client of ours does; any other error ends the test. */
async function insist<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof RendtError) || !error.retryable || tries === 3) throw error;
    }
  }
}

/** Create, claim, renew, finish and sweep until the job has ended; answers how it ended, and how many requests that took. */
async function live(spec: JobSpecInput, fault?: { at: number; fault: Fault }) {
  accounts += 1;
  const account = `acc${accounts}`;
  const injector = createInjector();
  const cloud = await openCloud({ dynamo, prepare: injector.prepare, log: () => {} });
  try {
    const [submitter, worker] = [await cloud.as("submitter", account), await cloud.as("worker", account)];
    const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "none" } as const;
    const id = `w${String(accounts).padStart(12, "0")}`;
    await worker.register({ ...machine, id, name: "box", slots: 1 });
    injector.arm(fault);

    const made = await insist(async () => {
      const { items } = await submitter.create({ jobs: [{ key: "one", spec }] });
      const [item] = items;
      if (item && "error" in item) throw refusalOf(item.error);
      return item;
    });
    const job = String(made && "id" in made ? made.id : undefined);
    const ran: number[] = [];
    for (let minute = 0; minute < 20 && !(await hasEnded(cloud, job)); minute += 1) {
      const { leases } = await insist(() => worker.claim({ worker: id, leases: 8 }));
      for (const { id: lease, from, upTo } of leases) {
        cloud.pass(1000);
        await insist(() => worker.renew({ worker: id, leases: [lease] }));
        const results = Array.from({ length: upTo - from }, (_, at) => ({
          index: from + at,
          outcome: "exited" as const,
          exitCode: 0,
          durationMs: 1000,
        }));
        const answer = await insist(async () => {
          const { items } = await worker.finish({ worker: id, items: [{ lease, from, results }] });
          const [item] = items;
          if (item?.error) throw refusalOf(item.error);
          return item;
        });
        for (const span of answer?.accepted ?? []) {
          for (let position = span.from; position < span.upTo; position += 1) ran.push(position);
        }
      }
      if (leases.length === 0) cloud.pass(MINUTE);
      await cloud.sweep().catch(() => undefined);
    }
    const requests = injector.sent();
    injector.arm(undefined);
    const { items } = await submitter.list({ limit: 10 });
    const [ended] = (await submitter.get({ ids: [job] })).items;
    return { requests, ran: ran.toSorted((a, b) => a - b), jobs: items.length, ended };
  } finally {
    await cloud.close();
  }
}

/** What an answer says of one of its items. */
const refusal = z.object({ code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]), message: z.string() });

function refusalOf(error: unknown): RendtError {
  const { code, message } = refusal.parse(error);
  return new RendtError(code, message);
}

async function hasEnded(cloud: Cloud, id: string): Promise<boolean> {
  const [job] = await insist(() => cloud.store.get("job", [id]));
  return job?.times.endedAt !== undefined;
}

const SINGLE: JobSpecInput = { command: ["true"] };
/** Two slices, whose ends are transactions with their header. */
const ARRAY: JobSpecInput = { command: ["true"], array: { start: 0, step: 1, count: 4, limit: 2 } };

describe.each([
  ["a single job", SINGLE, 1],
  ["an array", ARRAY, 4],
] as const)("%s ends once and whole, whichever request fails", (_, spec, count) => {
  it.each(Object.entries(FAULTS))("when %s", { timeout: 120_000 }, async (_, fault) => {
    const { requests } = await live(spec);
    expect(requests).toBeGreaterThan(10);
    const all = Array.from({ length: count }, (_, position) => position);
    const wrong: unknown[] = [];
    for (let at = 1; at <= requests; at += 1) {
      const { ran, jobs, ended } = await live(spec, { at, fault });
      const view = ended && "status" in ended ? ended : undefined;
      if (jobs === 1 && view?.status === "finished" && JSON.stringify(ran) === JSON.stringify(all)) continue;
      wrong.push({ at, jobs, ran, ended });
    }
    expect(wrong).toEqual([]);
  });
});
