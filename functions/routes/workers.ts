import { available } from "../actions/available.ts";
import { drainWorker, resumeWorker } from "../actions/drain.ts";
import { latestBuild } from "../actions/latest-build.ts";
import { publish } from "../actions/publish.ts";
import { register } from "../actions/register.ts";
import { listWorkers, removeWorker, showWorker } from "../actions/workers.ts";
import type { Handlers } from "./handler.ts";

export const workerHandlers: Handlers<
  | "register"
  | "available"
  | "listWorkers"
  | "showWorker"
  | "drainWorker"
  | "resumeWorker"
  | "removeWorker"
  | "publish"
  | "latestBuild"
> = {
  register,
  available,
  listWorkers,
  showWorker,
  drainWorker,
  resumeWorker,
  removeWorker,
  publish,
  latestBuild,
};
