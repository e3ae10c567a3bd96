import { available } from "../actions/available.ts";
import { register } from "../actions/register.ts";
import type { Handlers } from "./handler.ts";

export const workerHandlers: Handlers<"register" | "available"> = { register, available };
