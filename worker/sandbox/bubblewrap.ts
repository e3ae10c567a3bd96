import { NICE } from "../priority.ts";
import type { TaskFolder } from "./port.ts";
import { behindOthers } from "./tools.ts";

/** Descriptors that bubblewrap and the shell inside it are given: the filter, the shell's script, and what the shell says. */
export const INNER_FD = { seccomp: 3, script: 4, shell: 5 } as const;

/** Where a task sees its folders. HOME and TMPDIR lie on the disk; /tmp and /dev/shm are small and in memory. */
export const INSIDE: TaskFolder = { root: "/job", work: "/job", home: "/home/job", tmp: "/var/tmp" };

const MEMORY_DISK_BYTES = 64 * 1024 * 1024;
/** The file that the shell's script is mounted on. */
export const SCRIPT = "/.job";
/** How the shell inside begins what it has to say on a job's standard error. */
export const INNER_SPEAKER = `${SCRIPT}: `;

/** What a strict task sees of the system under the same name: /bin and its like are links into /usr, or folders of their own (Alpine, NixOS). */
export const SYSTEM_FOLDERS = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"].map((name) => `/${name}`);

export type View = {
  folder: Omit<TaskFolder, "root">;
  /** What it sees as `/`, with a place for each mount. */
  root: string;
  mounts: Mounts;
  seccomp: boolean;
  /** Shares the network of this machine. */
  network: boolean;
};

/** Of this machine, read-only and under the same name: what may be there, and what must be. */
export type Mounts = { others: readonly string[]; needed: readonly string[] };

/** The words that make a sandbox; inside, a shell runs the script that it is handed. */
export function bubblewrapWords({ folder, root, mounts, seccomp, network }: View): string[] {
  return [
    "bwrap",
    ...["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup-try", ...(network ? [] : ["--unshare-net"])],
    // Our shell takes the place of its own first process: that one is not waited for, and the task's processor time would be lost.
    "--as-pid-1",
    ...["--uid", "1000", "--gid", "1000", "--hostname", "job"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--ro-bind", root, "/"],
    ...mounts.others.flatMap((path) => ["--ro-bind-try", path, path]),
    ...mounts.needed.flatMap((path) => ["--ro-bind", path, path]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...["--size", String(MEMORY_DISK_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...["--size", String(MEMORY_DISK_BYTES), "--perms", "1777", "--tmpfs", "/tmp"],
    ...["--bind", folder.work, INSIDE.work, "--bind", folder.home, INSIDE.home, "--bind", folder.tmp, INSIDE.tmp],
    ...["--chdir", INSIDE.work, "--ro-bind-data", String(INNER_FD.script), SCRIPT],
    ...(seccomp ? ["--seccomp", String(INNER_FD.seccomp)] : []),
    // Inside, because the making of the sandbox should not wait for everybody else.
    ...["--", ...behindOthers(NICE.strict), "/bin/sh", SCRIPT],
  ];
}
