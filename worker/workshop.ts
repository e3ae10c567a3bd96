import type { Client } from "../contract/client.ts";
import type { Transfer } from "../files/transfer.ts";
import type { BlobCache } from "./blob-cache.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Lists } from "./inputs.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine/machine.ts";
import type { Orders } from "./orders.ts";
import type { Outbox } from "./outbox.ts";
import type { Sandbox } from "./sandbox/port.ts";
import type { TaskFolders } from "./task-folders.ts";
import type { House } from "./terms.ts";

/** What every attempt of this worker's life needs. */
export type Workshop = {
  client: Client;
  /** For moving blobs; the caller adds what the grants are for. */
  transfer: Omit<Transfer, "entryOf" | "grants">;
  cache: BlobCache;
  lists: Lists;
  deliveries: Deliveries;
  workerId: string;
  /** Names this life: part of the tag of every child and of the names of folders. */
  life: string;
  state: string;
  sandbox: Sandbox;
  house: House;
  machine: Machine;
  folders: TaskFolders;
  journal: Journal;
  outbox: Outbox;
  heartbeat: Heartbeat;
  orders: Orders;
  logCapBytes: number;
  /** The server's time of day, in ms. */
  serverNow(): number;
  /** Aborted when no further task may begin. */
  draining: AbortSignal;
  /** Aborted when running children have to go. */
  cancelling: AbortSignal;
  /** Aborted when the worker ends, with whatever is undelivered kept for its next life. */
  leaving: AbortSignal;
  notice(text: string): void;
};
