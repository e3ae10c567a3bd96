import { AnsweredError } from "../contract/errors.ts";
import { createRetryingClient, DEFAULT_POLICY } from "../contract/retry.ts";
import { resolveAddress } from "./address.ts";
import { createJob, type Job } from "./job.ts";
import { openServer, type Server } from "./open-server.ts";
import { orderOf, type Spec } from "./order.ts";
import { foldersOf, readEnvironment } from "./profile.ts";
import { submitJobs } from "./submit.ts";
import { createWaiter } from "./waiter.ts";

/** Where to connect to; what is left out comes from the environment, and what is not there either from the saved profile. */
export type ConnectOptions = {
  url?: string | undefined;
  token?: string | undefined;
  /** The name of a saved profile (`rendt profile list`). */
  profile?: string | undefined;
  /** Relative inputs are read from here, downloads are written below; by default the program's own folder. */
  cwd?: string | undefined;
};

export type SubmitCallOptions = {
  /** Hears of input bytes that were read and hashed, and of those that were sent. */
  onHashed?: ((bytes: number) => void) | undefined;
  onSent?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/** A connection to one server, as one account. */
export type Connection = {
  readonly url: string;
  /** Sends the inputs, submits the job, and answers as soon as it waits for a worker. */
  submit(spec: Spec, options?: SubmitCallOptions): Promise<Job>;
  /** Submits many jobs, a hundred in a request. When some are refused it throws the first refusal; `details.accepted` holds the ids of the others. */
  submitMany(specs: readonly Spec[], options?: SubmitCallOptions): Promise<Job[]>;
  /** A job that was submitted before, by this program or another. */
  job(id: string): Job;
  /** Lets go of open connections; a program that only ends need not call it. */
  close(): void;
};

/**
 * Connects a program to a Rendt server. Nothing is sent until the first call; calls that fail for a passing reason are tried again.
 *
 * @example
 * import { connect } from "rendt";
 *
 * const client = connect();
 * const job = await client.submit({ command: ["python3", "a.py"], inputs: ["a.py"], outputs: ["out/*"] });
 * const { status, exitCode } = await job.wait({ signal: AbortSignal.timeout(60_000) });
 * await job.outputs({ to: "results" });
 *
 * @throws RendtError with a stable `code` and a `hint` when the server or this library refuses, UnreachableError when no server answers.
 */
export function connect(options: ConnectOptions = {}): Connection {
  const environment = readEnvironment();
  const server = openServer(resolveAddress(options, { environment, roles: ["submitter", "admin"] }));
  // Whoever waits for a job would rather outlast an outage of some minutes than hear of it.
  const patient = createRetryingClient(server.once, { ...DEFAULT_POLICY, tries: 60 });
  const cwd = options.cwd ?? process.cwd();
  const context = { server, waiter: createWaiter(patient), dataFolder: foldersOf(environment).data, cwd };

  return {
    url: server.url,
    async submit(spec, call = {}) {
      const [job] = await submitAll(server, [spec], { ...call, cwd });
      if (job === undefined) throw new Error("one spec, no answer");
      return createJob(job, context);
    },
    async submitMany(specs, call = {}) {
      const ids = await submitAll(server, specs, { ...call, cwd });
      return ids.map((id) => createJob(id, context));
    },
    job: (id) => createJob(id, context),
    close: () => server.close(),
  };
}

async function submitAll(
  server: Server,
  specs: readonly Spec[],
  options: SubmitCallOptions & { cwd: string },
): Promise<string[]> {
  const orders = [];
  for (const spec of specs) orders.push(await orderOf(spec, options.cwd));
  const results = await submitJobs(server, orders, options);
  const refused = results.find((result) => result instanceof AnsweredError);
  const accepted = results.flatMap((result) => (result instanceof AnsweredError ? [] : [result.id]));
  if (refused)
    throw new AnsweredError({ ...refused, message: refused.message, details: { ...refused.details, accepted } });
  return accepted;
}
