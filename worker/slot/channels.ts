import { chmodSync, closeSync, constants, copyFileSync, mkdirSync, openSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeFifos } from "../pipes.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;

/** Named pipes whose names are gone: only who holds one, or was handed it, can open it again. */
export type Channels = {
  /** Our ends: of what the slot is told, what it tells, and what a sandbox's first process says. */
  readonly control: number;
  readonly status: number;
  readonly say: number;
  /** The streams of runs: a read end that is kept open, and where others can be opened. */
  readonly stdout: Held;
  readonly stderr: Held;
  /** Opens the slot's ends: its standard error, and then those of `FD` in their order. */
  openShells(): { fds: number[]; close(): void };
  /** Closes what no stream has taken over. */
  close(): void;
};

type Held = { held: number; path: string };

const NAMES = ["control", "status", "say", "stdout", "stderr"] as const;

/**
 * Channels for so many slots, and a copy of the shell that may be run and not read. All names are removed before this returns. `close` is
 * for what they share; each one's own is for its owner to close.
 */
export async function openChannels(folder: string, count: number): Promise<{ channels: Channels[]; close(): void }> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const paths = Array.from({ length: count }, (_, slot) => NAMES.map((name) => join(folder, `${slot}-${name}`)));
    await makeFifos(paths.flat());
    const shell = unreadableShell(join(folder, "sh"));
    const channels = paths.map((of) => holdChannels(of, shell));
    return {
      channels,
      close: () => closeSync(shell),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The kernel lets nobody of the same user look into a process whose program that user can't read. */
function unreadableShell(path: string): number {
  copyFileSync(realpathSync("/bin/sh"), path);
  const fd = openSync(path, O_RDONLY);
  chmodSync(path, 0o111);
  return fd;
}

function holdChannels(paths: readonly string[], shell: number): Channels {
  // Some for both directions, so that neither opening them nor the other's end matters; the streams of runs have to end.
  const [control = -1, status = -1, say = -1] = paths.slice(0, 3).map((path) => openSync(path, O_RDWR | O_NONBLOCK));
  const [out = -1, errors = -1] = paths.slice(3).map((path) => openSync(path, O_RDONLY | O_NONBLOCK));
  return {
    control,
    status,
    say,
    stdout: { held: out, path: pathOf(out) },
    stderr: { held: errors, path: pathOf(errors) },
    openShells() {
      const lines = [openSync(pathOf(status), O_WRONLY), openSync(pathOf(control), O_RDONLY)];
      // Held to be opened again, for writing.
      const streams = [out, errors, say].map((fd) => openSync(pathOf(fd), O_RDONLY | O_NONBLOCK));
      return {
        fds: [...lines, shell, ...streams],
        close() {
          for (const fd of [...lines, ...streams]) closeSync(fd);
        },
      };
    },
    close() {
      for (const fd of [say, out, errors]) closeSync(fd);
    },
  };
}

/** A pipe of ours, as a file that can be opened again. */
const pathOf = (fd: number): string => `/proc/self/fd/${fd}`;
