/** A worker as the service of this user: what a service manager has to know to start it and to start it again. */
export type Service = {
  /** Names it among this user's services. */
  name: string;
  description: string;
  /** The program and its arguments, each word as it is, with full paths. */
  words: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** A worker that was told to stop is left in peace for so long before it is killed. */
  stopS: number;
};

/** Where a service manager looks for this user's services, and how it is told of them. */
export type Manager = {
  fileOf(name: string): string;
  format(service: Service): string;
  /** Commands that have the service run by its file, which is new, changed or as it was; and those that end it before the file is removed. */
  install(name: string, change: "new" | "changed" | "same"): readonly Step[];
  remove(name: string): readonly Step[];
  /** Commands that tell the manager that the file is gone. */
  removed: readonly Step[];
  /** How a person looks at it. */
  look(name: string): string;
};

/** `mayFail`: it only makes sure that something is not there. */
export type Step = { words: readonly [string, ...string[]]; mayFail?: true };

/** After this long a worker that ended is started again, whatever ended it. */
export const RESTART_S = 15;
