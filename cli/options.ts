import { MAX_PRICE } from "../contract/limits.ts";
import type { AskedLimits } from "./job/limits.ts";

/** What an option's value is read as; the type of each stands in `OptionTypes`. */
export type OptionTypes = {
  flag: boolean;
  text: string;
  texts: string[];
  int: number;
  price: number;
  duration: number;
  size: number;
  codes: number[];
  limits: AskedLimits;
};

export type Option = {
  kind: keyof OptionTypes;
  summary: string;
  /** What is typed, where the row has another name because a job's option is typed so. */
  word?: string;
  /** What stands for the value in help. */
  value?: string;
  short?: string;
  min?: number;
  max?: number;
  choices?: readonly string[];
  /** What Tab offers for the value, where that is no list of choices (completion.ts). */
  offers?: "statuses" | "limits" | "queues" | "workers";
  /** An empty value says something; elsewhere it is a variable that was not set. */
  mayBeEmpty?: true;
};

/** Every option of every command, once: its words, how its value is read, and its help. Durations are ms, sizes bytes. */
export const OPTIONS = {
  input: { kind: "texts", short: "i", value: "SRC[=DEST]", summary: "send a file, folder or glob (repeatable)" },
  exclude: { kind: "texts", value: "GLOB", summary: "leave these out of folders that are sent (repeatable)" },
  output: { kind: "texts", short: "o", value: "GLOB", summary: "bring these files back (repeatable)" },
  script: { kind: "text", value: "FILE", summary: "send this script and run it; #RENDT lines at its top hold options" },
  name: { kind: "text", value: "NAME", mayBeEmpty: true, summary: "a name for people" },
  env: { kind: "texts", value: "K[=V]", summary: "set an environment variable, or pass on one of yours (repeatable)" },
  "env-file": { kind: "texts", value: "FILE", summary: "environment variables, one K=V per line (repeatable)" },
  secret: {
    kind: "texts",
    value: "K[=V]",
    summary: "an environment variable that is masked in logs and shown nowhere (repeatable)",
  },
  stdin: { kind: "text", value: "FILE|-", summary: "what standard input of the command reads" },
  timeout: { kind: "duration", value: "TIME", summary: "stop a task that runs longer" },
  "wait-timeout": { kind: "duration", value: "TIME", summary: "wait no longer than this; the job goes on" },
  retries: { kind: "int", value: "N", min: 0, summary: "run a failed task again, up to N times" },
  "retry-on": { kind: "codes", value: "CODES", summary: "retry only after these exit codes: 1,75" },
  "success-codes": { kind: "codes", value: "CODES", summary: "exit codes that count as success: 0,3" },
  "crash-limit": { kind: "int", value: "N", min: 1, summary: "give up after N workers were lost in the middle of it" },
  priority: { kind: "int", value: "SECONDS", summary: "a head start before other jobs, in seconds" },
  delay: { kind: "duration", value: "TIME", summary: "don't start earlier than this from now" },
  expires: { kind: "duration", value: "TIME", min: 1000, summary: "give up waiting for a worker after this" },
  key: { kind: "text", value: "KEY", summary: "the same key never makes a second job" },
  keep: { kind: "duration", value: "TIME", summary: "how long results are kept after the end" },
  array: { kind: "text", value: "A-B[:STEP][%M]", summary: "one task per number, at most M at once" },
  each: {
    kind: "texts",
    value: "ITEM",
    mayBeEmpty: true,
    summary: "one task per item, which replaces {} (repeatable)",
  },
  "each-line": { kind: "text", value: "FILE|-", summary: "one task per line" },
  "each-file": { kind: "text", value: "GLOB", summary: "one task per file, which is sent to that task alone" },
  "from-json": { kind: "text", value: "FILE|-", summary: "one task per element of a JSON array" },
  "no-outputs-on-failure": { kind: "flag", summary: "bring nothing back from tasks that failed" },
  cpus: { kind: "int", value: "N", min: 1, summary: "cores for each task" },
  memory: { kind: "size", value: "SIZE", min: 1, summary: "memory for each task, all its processes together" },
  disk: { kind: "size", value: "SIZE", min: 1, summary: "disk space for each task, its inputs included" },
  gpus: { kind: "int", value: "N", min: 1, summary: "GPUs for each task, which no other task has meanwhile" },
  limit: {
    kind: "limits",
    value: "NAME=VALUE",
    offers: "limits",
    summary:
      "the most that each task may use of processes, open-files, file-size, cpu-time, output or files (repeatable)",
  },
  tag: {
    kind: "texts",
    value: "TAG",
    summary: "only where this is: linux, arm64, ffmpeg, 'python3>=3.11' (repeatable)",
  },
  network: { kind: "flag", summary: "only where it may reach the network" },
  worker: {
    kind: "text",
    value: "W",
    offers: "workers",
    summary: "only on this worker of your account: its id or name",
  },
  "max-price": {
    kind: "price",
    value: "X",
    min: 0,
    max: MAX_PRICE,
    summary: "credits per CPU-hour offered to strangers' workers (queue public); matched, never charged",
  },
  queue: { kind: "text", value: "QUEUE", offers: "queues", summary: "the queue to wait in" },
  file: { kind: "text", value: "FILE", summary: "a job file (TOML) with these same words" },
  wait: { kind: "flag", summary: "wait until the job ends" },
  get: { kind: "text", value: "DIR", summary: "fetch the outputs into DIR once the job ended" },
  force: { kind: "flag", summary: "overwrite files that are in the way" },
  "dry-run": { kind: "flag", summary: "print the job that would be sent, send nothing" },

  follow: { kind: "flag", short: "f", summary: "show what the job prints, until it ends" },
  status: { kind: "text", value: "STATUS", offers: "statuses", summary: "only jobs of this status" },
  "at-most": { kind: "int", word: "limit", value: "N", min: 1, max: 100_000, summary: "at most N" },
  "all-accounts": { kind: "flag", summary: "jobs of all accounts (admin token)" },
  watch: { kind: "flag", summary: "show again whenever something changes, in place; Ctrl-C ends it" },
  notify: { kind: "text", value: "COMMAND", summary: "run this here at the end, with RENDT_JOB, RENDT_STATUS …" },
  any: { kind: "flag", summary: "the first that ends is enough" },
  tail: { kind: "int", value: "N", min: 0, summary: "only the last N lines of each stream" },
  stdout: { kind: "flag", summary: "standard output only" },
  stderr: { kind: "flag", summary: "standard error only" },
  try: { kind: "int", value: "N", min: 1, summary: "of try N instead of the last" },
  timestamps: { kind: "flag", summary: "begin each line with its time" },
  to: { kind: "text", value: "DIR", summary: "download into DIR" },
  failed: { kind: "flag", summary: "only jobs that failed; leave the others alone" },

  dir: { kind: "text", value: "DIR", summary: "where the server keeps everything" },
  listen: { kind: "text", value: "HOST:PORT", summary: "where the server listens" },
  announce: { kind: "flag", summary: "tell this network where the server is, by mDNS (needs TLS)" },
  "no-worker": { kind: "flag", summary: "start the server only" },
  slots: { kind: "int", value: "N", min: 1, max: 1024, summary: "how many tasks run at once" },
  "tls-cert": { kind: "text", value: "FILE", summary: "certificate chain (PEM) to serve HTTPS" },
  "tls-key": { kind: "text", value: "FILE", summary: "private key (PEM) of the certificate" },
  tls: { kind: "flag", summary: "serve HTTPS with a key of the server's own, also on this machine alone" },
  insecure: { kind: "flag", summary: "allow plain HTTP off this machine" },
  "max-disk": { kind: "size", value: "SIZE", min: 1, summary: "refuse uploads beyond this much stored data" },
  sandbox: { kind: "text", value: "LEVEL", choices: ["none", "strict"], summary: "how tasks are shut in, at least" },
  remove: { kind: "flag", summary: "stop the service and remove its file" },
  once: { kind: "flag", summary: "stop after the first piece of work" },
  "idle-exit": { kind: "duration", value: "TIME", min: 1000, summary: "stop when there was nothing to do for so long" },
  until: { kind: "text", value: "HH:MM", summary: "take nothing new from this time of day on, and stop" },
  "stop-within": {
    kind: "duration",
    value: "TIME",
    min: 0,
    summary: "once draining, end what still runs after this and give it back (default: never)",
  },

  update: { kind: "flag", summary: "take newer builds that the operator of the server signs and publishes" },
  "new-key": { kind: "flag", summary: "sign with a new key from now on, which the old one introduces to the workers" },

  account: { kind: "text", value: "ACCOUNT", summary: "the account (default: your own)" },
  role: { kind: "text", value: "ROLE", choices: ["admin", "submitter", "worker"], summary: "what it may do" },
  note: { kind: "text", value: "TEXT", summary: "a word on what it is for" },
  quota: {
    kind: "texts",
    value: "WHAT=N",
    summary: "queued, running, bytes or jobs-per-day, and how many, or none (repeatable)",
  },
  scope: { kind: "texts", value: "WHAT=V", summary: "bind it: queue=QUEUE or max-priority=SECONDS (repeatable)" },
  uses: { kind: "int", value: "N", min: 1, max: 1000, summary: "how often the code can be swapped (default: 1)" },
  for: { kind: "duration", value: "TIME", min: 1000, summary: "how long it is good" },
  overlap: { kind: "duration", value: "TIME", min: 0, summary: "how long the old token goes on (default: 1h)" },
  revoke: { kind: "flag", summary: "take back all links to the job that were given out" },
  code: { kind: "text", value: "CODE", summary: "an enrolment code, to be swapped for a token" },
  discover: { kind: "flag", summary: "look for the server on this network, by mDNS" },
  interface: { kind: "text", value: "ADDRESS", summary: "look on the network of this address only (default: on all)" },
  stack: { kind: "text", value: "NAME", summary: "a stack in the cloud, with your own AWS credentials" },
  another: { kind: "flag", summary: "make further admin tokens, though the stack has some" },

  url: { kind: "text", value: "URL", summary: "the server, instead of the profile's" },
  "token-file": { kind: "text", value: "FILE", summary: "read the token from FILE (mode 0600)" },
  profile: { kind: "text", value: "NAME", summary: "the profile to use" },
  json: { kind: "flag", summary: "print the server's answer as JSON" },
  quiet: { kind: "flag", short: "q", summary: "print ids only" },
  help: { kind: "flag", short: "h", summary: "show this help" },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;
/** Values by option; an option that was not given is absent. */
export type Values = { [N in OptionName]?: OptionTypes[(typeof OPTIONS)[N]["kind"]] };

export const isOptionName = (name: string): name is OptionName => Object.hasOwn(OPTIONS, name);
/** The same row under the general type, whose optional fields can be asked for. */
export const optionOf = (name: OptionName): Option => OPTIONS[name];
/** What is typed after the two dashes. */
export const wordOf = (name: OptionName): string => optionOf(name).word ?? name;

/** Options that describe a job: also the words of job files and of #RENDT lines. */
export const JOB_OPTIONS = [
  "input",
  "exclude",
  "output",
  "script",
  "name",
  "env",
  "env-file",
  "secret",
  "stdin",
  "timeout",
  "wait-timeout",
  "retries",
  "retry-on",
  "success-codes",
  "crash-limit",
  "priority",
  "delay",
  "expires",
  "key",
  "keep",
  "array",
  "each",
  "each-line",
  "each-file",
  "from-json",
  "no-outputs-on-failure",
  "queue",
  "cpus",
  "memory",
  "disk",
  "gpus",
  "limit",
  "tag",
  "worker",
  "network",
  "sandbox",
  "max-price",
  "get",
  "force",
] as const satisfies readonly OptionName[];
