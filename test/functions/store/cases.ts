import type { Store } from "../../../functions/store/port.ts";

/** Promises of the port, each told as a sentence and shown on an empty store. */
export type Cases = Record<string, (store: Store) => Promise<void>>;
