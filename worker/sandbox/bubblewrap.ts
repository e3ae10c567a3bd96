import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TaskFolder } from "./port.ts";

/** Descriptors that bubblewrap and the shell inside it are given. */
export const FD = { seccomp: 3, status: 4, args: 5, shell: 6, script: 7 } as const;

/** Where a task sees its folders. HOME and TMPDIR lie on the disk; /tmp and /dev/shm are small and in memory. */
export const INSIDE: TaskFolder = { root: "/job", work: "/job", home: "/home/job", tmp: "/var/tmp" };

const MEMORY_DISK_BYTES = 64 * 1024 * 1024;
const READABLE = ["ld.so.cache", "alternatives", "ssl/certs", "ca-certificates", "localtime", "nsswitch.conf"];
const SCRIPT = "/.job";

export type View = {
  folder: Omit<TaskFolder, "root">;
  /** Folder with a passwd and a group that know the user `job` only. */
  etc: string;
  /** Folders outside /usr that the owner of the machine lets jobs read. */
  runtimes: readonly string[];
  seccomp: boolean;
};

/** What bubblewrap reads from its descriptor `args`: there nobody else can see the paths of this machine. */
export function bubblewrapArguments({ folder, etc, runtimes, seccomp }: View): string[] {
  return [
    ...["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup-try", "--unshare-net"],
    // Our shell takes the place of its own first process: that one is not waited for, and the task's processor time would be lost.
    "--as-pid-1",
    ...[
      "--uid",
      "1000",
      "--gid",
      "1000",
      "--die-with-parent",
      "--new-session",
      "--cap-drop",
      "ALL",
      "--hostname",
      "job",
    ],
    ...["--ro-bind", "/usr", "/usr", ...rootLinks()],
    ...READABLE.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...["passwd", "group"].flatMap((name) => ["--ro-bind", join(etc, name), `/etc/${name}`]),
    ...runtimes.flatMap((path) => ["--ro-bind", path, path]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...["--size", String(MEMORY_DISK_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...["--size", String(MEMORY_DISK_BYTES), "--perms", "1777", "--tmpfs", "/tmp"],
    ...["--bind", folder.work, INSIDE.work, "--bind", folder.home, INSIDE.home, "--bind", folder.tmp, INSIDE.tmp],
    ...["--chdir", INSIDE.work, "--ro-bind-data", String(FD.script), SCRIPT, "--remount-ro", "/"],
    ...(seccomp ? ["--seccomp", String(FD.seccomp)] : []),
    ...["--json-status-fd", String(FD.status)],
  ];
}

/** The program that runs inside. */
export const INNER: readonly string[] = ["/bin/sh", SCRIPT];

/** /bin and its like: links into /usr on most systems, folders of their own on Alpine and NixOS. */
function rootLinks(): string[] {
  return ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].flatMap((name) => {
    const path = `/${name}`;
    if (!existsSync(path)) return [];
    return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
}
