/** A system call and its numbers; absent where the architecture has none. From asm/unistd_64.h and asm-generic/unistd.h of Linux. */
export type Call = { name: string; x64?: number; arm64?: number };

const call = (name: string, x64?: number, arm64?: number): Call => ({
  name,
  ...(x64 !== undefined && { x64 }),
  ...(arm64 !== undefined && { arm64 }),
});

/** Refused with EPERM: what no computation needs, and through which most holes of the kernel were found. */
export const REFUSED: readonly Call[] = [
  // Other processes.
  call("ptrace", 101, 117),
  call("process_vm_readv", 310, 270),
  call("process_vm_writev", 311, 271),
  call("process_madvise", 440, 440),
  call("pidfd_getfd", 438, 438),
  call("kcmp", 312, 272),
  // Large, young or rarely tested parts of the kernel.
  call("bpf", 321, 280),
  call("perf_event_open", 298, 241),
  call("userfaultfd", 323, 282),
  call("io_uring_setup", 425, 425),
  call("io_uring_enter", 426, 426),
  call("io_uring_register", 427, 427),
  call("fanotify_init", 300, 262),
  call("lookup_dcookie", 212, 18),
  call("modify_ldt", 154),
  call("uselib", 134),
  // Keys belong to a user, not to a namespace.
  call("add_key", 248, 217),
  call("request_key", 249, 218),
  call("keyctl", 250, 219),
  // Mounts and namespaces.
  call("mount", 165, 40),
  call("umount2", 166, 39),
  call("pivot_root", 155, 41),
  call("chroot", 161, 51),
  call("open_tree", 428, 428),
  call("move_mount", 429, 429),
  call("fsopen", 430, 430),
  call("fsconfig", 431, 431),
  call("fsmount", 432, 432),
  call("fspick", 433, 433),
  call("mount_setattr", 442, 442),
  call("unshare", 272, 97),
  call("setns", 308, 268),
  call("name_to_handle_at", 303, 264),
  call("open_by_handle_at", 304, 265),
  // The machine.
  call("init_module", 175, 105),
  call("finit_module", 313, 273),
  call("delete_module", 176, 106),
  call("kexec_load", 246, 104),
  call("kexec_file_load", 320, 294),
  call("reboot", 169, 142),
  call("swapon", 167, 224),
  call("swapoff", 168, 225),
  call("syslog", 103, 116),
  call("quotactl", 179, 60),
  call("quotactl_fd", 443, 443),
  call("acct", 163, 89),
  call("settimeofday", 164, 170),
  call("clock_settime", 227, 112),
  call("clock_adjtime", 305, 266),
  call("adjtimex", 159, 171),
  call("ioperm", 173),
  call("iopl", 172),
  call("vhangup", 153, 58),
  call("nfsservctl", 180, 42),
];

export const CLONE = call("clone", 56, 220);
/** Its flags lie in memory, where a filter can't look; programs take `clone` when told that it does not exist. */
export const CLONE3 = call("clone3", 435, 435);
export const IOCTL = call("ioctl", 16, 29);
export const SOCKET = call("socket", 41, 198);
