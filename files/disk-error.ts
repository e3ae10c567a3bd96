import { RendtError } from "../contract/errors.ts";

/** Turns what the operating system says about a path into an error that tells what failed and where. Others pass unchanged. */
export function asDiskError(error: unknown, action: string, path: string): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const missing = code === "ENOENT" || code === "ENOTDIR";
  const reason = reasons[code] ?? (error instanceof Error ? error.message : code);
  return new RendtError(missing ? "no_such_file" : "disk_error", `can't ${action} ${JSON.stringify(path)}: ${reason}`, {
    cause: error,
    details: { path, errno: code },
  });
}

/** `ENOENT` and its like, when it is an error of the operating system. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

const reasons: Partial<Record<string, string>> = {
  ENOENT: "there is nothing at this path",
  ENOTDIR: "a part of this path is no folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ELOOP: "it is a symbolic link",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EIO: "the disk reported an input/output error",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long for this file system",
};
