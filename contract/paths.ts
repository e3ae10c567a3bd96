import * as z from "zod";
import { readGlob } from "./glob.ts";
import { MAX_PATH_BYTES, MAX_PATH_SEGMENT_BYTES } from "./limits.ts";

const encoder = new TextEncoder();

/**
 * Says what is wrong with a path of a manifest, or nothing when it is good. Paths are relative, use `/`, and hold no
 * empty, `.` or `..` segment, no control character and no lone surrogate, so that they mean the same on every machine.
 */
export function explainBadPath(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.startsWith("/")) return "it is absolute";
  if (/[\u0000-\u001f\u007f]/.test(path)) return "it holds a control character (NUL, newline …)";
  if (path.includes("\\")) return "it holds a backslash";
  if (!path.isWellFormed() || path.includes("\ufffd")) return "it is not valid UTF-8";
  if (encoder.encode(path).length > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  for (const segment of path.split("/")) {
    if (segment === "") return "it holds an empty name";
    if (segment === "." || segment === "..") return `it holds '${segment}'`;
    if (encoder.encode(segment).length > MAX_PATH_SEGMENT_BYTES)
      return `a name in it is longer than ${MAX_PATH_SEGMENT_BYTES} bytes`;
  }
  return undefined;
}

/** Says what is wrong with an output glob: it is read from the working folder and can match nothing above or beside it. */
export function explainBadGlob(glob: string): string | undefined {
  const from = "output globs are relative to the job's working folder";
  if (glob === "") return `the glob is empty: ${from}`;
  if (glob.startsWith("/")) return `${JSON.stringify(glob)} is absolute: ${from}`;
  if (glob.split("/").includes("..")) return `${JSON.stringify(glob)} holds '..': ${from}`;
  if (!readGlob(glob)) return `${JSON.stringify(glob)} has braces for too many alternatives`;
  return undefined;
}

/** Says what is wrong with a link: its target must be relative and stay inside the tree when read from `path`. */
export function explainBadLink(path: string, target: string): string | undefined {
  if (target === "" || target.startsWith("/")) return "its target is not relative";
  if (!target.isWellFormed() || target.includes("\0")) return "its target is not valid text";
  if (encoder.encode(target).length > MAX_PATH_BYTES) return `its target is longer than ${MAX_PATH_BYTES} bytes`;
  let depth = path.split("/").length - 1;
  for (const segment of target.split("/")) {
    if (segment === "..") depth -= 1;
    else if (segment !== "" && segment !== ".") depth += 1;
    if (depth < 0) return "its target leaves the tree";
  }
  return undefined;
}

export const relativePath = z.string().superRefine((path, context) => {
  const reason = explainBadPath(path);
  if (reason)
    context.addIssue({
      code: "custom",
      message: `bad path ${JSON.stringify(path)}: ${reason}`,
      params: { rendt: "bad_path" },
    });
});
