import type { OptionName, Values } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is given when it runs. */
export type Call = {
  /** Words before `--` that are no options. */
  words: readonly string[];
  /** What stands after `--`; undefined without one. */
  command: readonly string[] | undefined;
  options: Values;
  terminal: Terminal;
  /** The process's environment, read once. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The table itself, for help and completion. */
  commands: readonly Command[];
};

/** A command's code; it answers the exit code. */
export type CommandModule = { run(call: Call): number | Promise<number> };

/** One row of the table in commands.ts. */
export type Command = {
  name: string;
  group: keyof typeof GROUPS;
  summary: string;
  /** More to say in its help, in whole lines. */
  details?: readonly string[];
  /** Positional words: how they are called, and how many may be given. */
  words?: { usage: string; min: number; max: number };
  /** A command to run may stand after `--`. */
  command?: true;
  options?: readonly OptionName[];
  /** What an option means here, where that differs from its row in options.ts. */
  meanings?: Partial<Record<OptionName, { value?: string; summary: string }>>;
  environment?: readonly (keyof typeof ENVIRONMENT)[];
  example: string;
  load: () => Promise<CommandModule>;
};

export const GROUPS = {
  everyday: "Every day",
  jobs: "Jobs",
  machines: "Server and workers",
  hand: "The protocol by hand: one request or one transfer each",
  access: "Accounts and access",
  setup: "Set-up",
} as const;

/** Environment variables that commands read; flags win over them, they win over the profile. */
export const ENVIRONMENT = {
  RENDT_URL: "the server, instead of the profile's",
  RENDT_TOKEN: "the token, instead of the profile's",
  RENDT_TOKEN_FILE: "a file of mode 0600 that holds the token",
  RENDT_PROFILE: "the profile to use",
  RENDT_HOME: "where profiles and data are kept, instead of the XDG folders",
  AWS_REGION: "of `login --stack`: the stack's region",
  AWS_ACCESS_KEY_ID: "of `login --stack`: who deploys; without it the AWS CLI is asked",
  AWS_SECRET_ACCESS_KEY: "belongs to it",
  AWS_SESSION_TOKEN: "belongs to it, where they are for a time",
  AWS_PROFILE: "of `login --stack`: the AWS CLI's profile",
  AWS_ENDPOINT_URL: "of `login --stack`: instead of AWS, such as an emulator",
  NO_COLOR: "when set and not empty: no colour",
} as const;
