declare module "dynalite" {
  import type { Server } from "node:http";

  /** DynamoDB in this process, in memory; without transactions. */
  function dynalite(options?: { createTableMs?: number; deleteTableMs?: number }): Server;
  export = dynalite;
}
