import { appendLog } from "../actions/append-log.ts";
import { claim } from "../actions/claim.ts";
import { finish } from "../actions/finish.ts";
import { renew } from "../actions/renew.ts";
import type { Handlers } from "./handler.ts";

export const leaseHandlers: Handlers<"claim" | "renew" | "finish" | "appendLog"> = { claim, renew, finish, appendLog };
