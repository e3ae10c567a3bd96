import { completeUpload } from "../actions/complete-upload.ts";
import { grants } from "../actions/grants.ts";
import type { Handlers } from "./handler.ts";

export const grantHandlers: Handlers<"grants" | "completeUpload"> = { grants, completeUpload };
