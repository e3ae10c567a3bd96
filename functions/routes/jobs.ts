import { cancel } from "../actions/cancel.ts";
import { create } from "../actions/create.ts";
import { explain } from "../actions/explain.ts";
import { get } from "../actions/get.ts";
import { link } from "../actions/link.ts";
import { list } from "../actions/list.ts";
import { logs } from "../actions/logs.ts";
import { outputs } from "../actions/outputs.ts";
import { release } from "../actions/release.ts";
import { retry } from "../actions/retry.ts";
import { rm } from "../actions/rm.ts";
import { show } from "../actions/show.ts";
import type { Handlers } from "./handler.ts";

export const jobHandlers: Handlers<
  "create" | "release" | "get" | "list" | "show" | "outputs" | "logs" | "cancel" | "retry" | "rm" | "explain" | "link"
> = { create, release, get, list, show, outputs, logs, cancel, retry, rm, explain, link };
