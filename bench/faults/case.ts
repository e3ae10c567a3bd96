import type { Stage } from "./stage.ts";

/** One row of the matrix: what is broken when. Everything that must be true afterwards is judged for all alike. */
export type Case = {
  name: string;
  run(stage: Stage): Promise<void>;
  /** Prepares the folder before a server is in it. */
  prepare?: (folder: string) => void;
  /** Undoes that, once nobody is in it. */
  cleanUp?: (folder: string) => void;
  /** Needs what only root can do. */
  root?: boolean;
};
