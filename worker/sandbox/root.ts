import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../../contract/errors.ts";
import { INSIDE, type Mounts, SCRIPT, SYSTEM_FOLDERS } from "./bubblewrap.ts";

/** How names of other machines are found. */
const NAMES = ["resolv.conf", "hosts", "services"];
/** Mounted as they are: there is too much in them to be copied. */
const FOLDERS = ["alternatives", "ssl/certs", "ca-certificates/extracted"];
/** A mount costs each task more than a tenth of a millisecond, and more still on a machine that has many; a look whether a copy is up to date far less. */
const COPIED = ["ld.so.cache", "localtime", "nsswitch.conf"];

/** A folder that strict tasks see as `/`, made once: with the few files of /etc that differ from the machine's, and places for all mounts. */
export type Root = {
  readonly path: string;
  /** `network`: also the files that tell where names of other machines are found. */
  mounts(network: boolean): Mounts;
};

type Setting = {
  /** Folders outside /usr that the owner of the machine lets jobs read. */
  runtimes: readonly string[];
  /** Where the files lie that are copied. */
  etc?: string;
  notice(text: string): void;
};

export function createRoot(path: string, { runtimes, notice, etc: from = "/etc" }: Setting): Root {
  const system = SYSTEM_FOLDERS.filter((folder) => existsSync(folder));
  const folders = system.filter((folder) => !lstatSync(folder).isSymbolicLink());
  const { work, home, tmp } = INSIDE;
  const etc = FOLDERS.map(inEtc);
  for (const folder of ["/proc", "/dev", "/tmp", work, home, tmp, ...etc, ...folders]) makeFolder(path, folder);
  for (const file of [SCRIPT, ...NAMES.map(inEtc)]) makeFile(path, file);
  makeFile(path, "/etc/passwd", "job:x:1000:1000:job:/home/job:/bin/sh\n");
  makeFile(path, "/etc/group", "job:x:1000:\n");
  for (const runtime of runtimes) {
    // What lies in those has its place, and a link among them could lead out of here.
    if (system.some((folder) => `${runtime}/`.startsWith(`${folder}/`))) continue;
    if (statSync(runtime, { throwIfNoEntry: false })?.isFile()) makeFile(path, runtime);
    else makeFolder(path, runtime);
  }
  for (const link of system) if (!folders.includes(link)) symlinkSync(readlinkSync(link), join(path, link));
  const renew = keepCopies(path, { from, notice });
  return {
    path,
    mounts(network) {
      renew();
      return { others: [...etc, ...(network ? NAMES.map(inEtc) : [])], needed: [...folders, ...runtimes] };
    },
  };
}

const inEtc = (name: string): string => join("/etc", name);

function makeFolder(root: string, path: string): void {
  mkdirSync(join(root, path), { recursive: true });
}

function makeFile(root: string, path: string, text = ""): void {
  makeFolder(root, dirname(path));
  writeFileSync(join(root, path), text);
}

/** Lets the users of the slots read what lies in a folder; the umask may have closed it to them. */
export function openUp(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

/**
 * The answer copies again what has changed since; tasks that run may be reading it. None of them is needed: a task goes without one that
 * can't be copied, or with the copy that there is, rather than fail for a fault of this machine.
 */
function keepCopies(root: string, { from, notice }: { from: string; notice(text: string): void }): () => void {
  const known = new Map<string, string>();
  const told = new Map<string, string>();
  return () => {
    for (const name of COPIED) {
      const file = join(from, name);
      try {
        const found = statSync(file, { throwIfNoEntry: false });
        const version = found?.isFile() ? `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}` : "none";
        if (version !== known.get(name)) replace(version === "none" ? undefined : file, join(root, inEtc(name)));
        known.set(name, version);
        told.delete(name);
      } catch (error) {
        const why = messageOf(error);
        if (why !== told.get(name))
          notice(`strict tasks have no ${file}, or an older one, because it can't be copied: ${why}`);
        told.set(name, why);
      }
    }
  };

  function replace(file: string | undefined, place: string): void {
    if (file === undefined) rmSync(place, { force: true });
    else {
      const copy = `${root}-copy`;
      copyFileSync(file, copy);
      renameSync(copy, place);
    }
  }
}
