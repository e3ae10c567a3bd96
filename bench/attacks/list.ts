import type { Limits } from "../../worker/sandbox/limits.ts";

/** What an attack may know of the machine that it runs on: more than a real one would. */
export type Scene = {
  /** The owner's folder, with a private key and a worker token in it. */
  home: string;
  /** A folder that everybody may write to. */
  drop: string;
  workerPid: number;
  /** A service of the owner that listens on loopback only. */
  port: number;
  /** Stands in the worker's environment, and nowhere else. */
  secret: string;
  /** Unique text to find processes by. */
  marker: string;
};

export type Attack = {
  name: string;
  /** A Python program; `won(…)` says that it got what it wanted. */
  program(scene: Scene): string;
  limits?: Limits;
  timeoutMs?: number;
  env?(scene: Scene): Record<string, string>;
  /** Looked at from the outside once the run is over; text: what was got. */
  after?: "survivor" | "dropped" | "overstayed" | "output" | "believed";
};

const MIB = 1024 * 1024;

/** Runs before each program. */
const PRELUDE = `
import ctypes, errno, fcntl, os, resource, signal, socket, stat, struct, sys, termios, time
libc = ctypes.CDLL(None, use_errno=True)
def won(what='yes'):
    os.write(1, ('WON %s\\n' % what).encode()); sys.stdout.flush()
def call(number, *args):
    ctypes.set_errno(0)
    return libc.syscall(ctypes.c_long(number), *args)
arm = os.uname().machine == 'aarch64'
def attempt(run):
    try: return run()
    except (OSError, ValueError, MemoryError): return None
`;

const fill = (path: string, mib: number): string => `
def fill():
    with open(${JSON.stringify(path)}, 'wb') as f:
        for _ in range(${mib}): f.write(b'x' * (1 << 20))
    return True
if attempt(fill): won('${mib} MiB')
`;

const system = (name: string, x64: number, arm64: number, args: string): Attack => ({
  name,
  program: () => `if call(${arm64} if arm else ${x64}, ${args}) >= 0: won()`,
});

/** From the research's table and what was found since; all of them bounded, and none writes a setting of the machine. */
export const ATTACKS: readonly Attack[] = [
  {
    name: "fork bomb (64 processes allowed)",
    limits: { processes: 64 },
    program: () => `
n = 0
for _ in range(200):
    if attempt(lambda: os.fork()) == 0: time.sleep(2); os._exit(0)
    n += 1
alive = sum(1 for p in os.listdir('/proc') if p.isdigit() and attempt(lambda: open('/proc/%s/cmdline' % p).read()) == open('/proc/self/cmdline').read())
time.sleep(1)
if alive > 70: won('%d processes' % alive)`,
  },
  {
    name: "1 GiB in one process (200 MiB allowed)",
    limits: { memoryBytes: 200 * MIB },
    program: () => "x = attempt(lambda: bytearray(1 << 30)); time.sleep(1)\nif x: won('1 GiB')",
  },
  {
    name: "8 processes of 120 MB (200 MiB allowed)",
    limits: { memoryBytes: 200 * MIB },
    program: () => `
kids = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        x = bytearray(120000000); time.sleep(2); os._exit(0)
    kids.append(pid)
if all(os.waitpid(pid, 0)[1] == 0 for pid in kids): won('960 MB')`,
  },
  { name: "200 MiB in /tmp", program: () => fill("/tmp/rendt-attack-fill", 200) },
  { name: "100 MiB in /dev/shm", program: () => fill("/dev/shm/rendt-attack-fill", 100) },
  {
    name: "write to /, /dev, /etc, /usr or /var",
    program: () => `
for place in ['/', '/dev/', '/etc/', '/usr/', '/var/']:
    path = place + 'rendt-attack'
    if attempt(lambda: open(path, 'w').close() or True): os.unlink(path); won(place)`,
  },
  {
    name: "one file of 300 MiB (100 MiB allowed)",
    limits: { fileBytes: 100 * MIB },
    program: () => fill("large", 300),
  },
  {
    name: "8 files of 60 MiB (100 MiB of disk allowed)",
    limits: { diskBytes: 100 * MIB },
    program: () => `
for n in range(8):
    with open('f%d' % n, 'wb') as f:
        for _ in range(60): f.write(b'x' * (1 << 20))
time.sleep(3); won('480 MiB')`,
  },
  {
    name: "the same, deleted and held open",
    limits: { diskBytes: 100 * MIB },
    program: () => `
held = []
for n in range(8):
    f = open('f%d' % n, 'wb'); os.unlink('f%d' % n); held.append(f)
    for _ in range(60): f.write(b'x' * (1 << 20))
    f.flush()
time.sleep(3); won('480 MiB')`,
  },
  {
    name: "the same, in a folder of mode 000",
    limits: { diskBytes: 100 * MIB },
    program: () => `
os.mkdir('d')
for n in range(8):
    os.chmod('d', 0o700)
    with open('d/f%d' % n, 'wb') as f:
        os.chmod('d', 0)
        for _ in range(60): f.write(b'x' * (1 << 20))
time.sleep(3); won('480 MiB')`,
  },
  {
    name: "20,000 files (2,000 allowed)",
    limits: { files: 2000 },
    program: () => "for n in range(20000): open('f%d' % n, 'w').close()\ntime.sleep(3); won('20,000 files')",
  },
  {
    name: "read the owner's private key",
    program: ({ home }) => `if attempt(lambda: open(${JSON.stringify(`${home}/.ssh/id`)}).read()): won('key')`,
  },
  {
    name: "read the worker's token file",
    program: ({ home }) => `if attempt(lambda: open(${JSON.stringify(`${home}/token`)}).read()): won('token')`,
  },
  {
    name: "read /etc/shadow or /root",
    program: () => "if attempt(lambda: open('/etc/shadow').read()) or attempt(lambda: os.listdir('/root')): won()",
  },
  {
    name: "read a secret from any environment",
    program: ({ secret }) => `
for p in os.listdir('/proc'):
    if p.isdigit() and ${JSON.stringify(secret)} in (attempt(lambda: open('/proc/%s/environ' % p).read()) or ''): won('token')`,
  },
  {
    name: "trace another process",
    program: () => `
mine = os.getpid()
for p in os.listdir('/proc'):
    if p.isdigit() and int(p) != mine and libc.ptrace(0x4206, int(p), None, None) == 0: won('process traced')`,
  },
  {
    name: "write into another process's memory",
    program: () => `
for p in os.listdir('/proc'):
    if not p.isdigit() or int(p) == os.getpid(): continue
    filtered = 'Seccomp:\\t2' in (attempt(lambda: open('/proc/%s/status' % p).read()) or '')
    if not filtered and attempt(lambda: open('/proc/%s/mem' % p, 'r+b')): won('unfiltered process')`,
  },
  {
    name: "connect to a service on loopback",
    program: ({ port }) => `
s = attempt(lambda: socket.create_connection(('127.0.0.1', ${port}), 2))
if s: won('connected')`,
  },
  {
    name: "reach an address outside",
    program: () => `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if attempt(lambda: s.connect(('192.0.2.1', 53)) or True): won('route')`,
  },
  { name: "open a VSOCK socket", program: () => "if attempt(lambda: socket.socket(40, socket.SOCK_STREAM)): won()" },
  {
    name: "kill the worker",
    program: ({ workerPid }) => `
attempt(lambda: os.kill(${workerPid}, signal.SIGKILL))
time.sleep(1)`,
  },
  {
    name: "end its slot, or lie to the worker about its own end",
    after: "believed",
    program: ({ home }) => `
lies = ('\\n'.join('E %d 5' % n for n in range(2000)) + '\\nX 1 0\\nP 1 1\\n').encode()
mine = {os.fstat(fd).st_ino for fd in (1, 2)}
def pipes():
    for p in os.listdir('/proc'):
        if p.isdigit():
            for fd in attempt(lambda: os.listdir('/proc/%s/fd' % p)) or []: yield '/proc/%s/fd/%s' % (p, fd)
    for top, _, names in os.walk(os.path.join(${JSON.stringify(home)}, '../worker')):
        for name in names: yield os.path.join(top, name)
for path in list(pipes()):
    found = attempt(lambda: os.stat(path))
    if not found or not stat.S_ISFIFO(found.st_mode) or found.st_ino in mine: continue
    fd = attempt(lambda: os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    if fd is not None: attempt(lambda: os.write(fd, lies[:4096]))
for name in ('SIGKILL', 'SIGSTOP', 'SIGTERM'): attempt(lambda: os.kill(1, getattr(signal, name)))`,
  },
  {
    name: "a daemon that left session, group and environment",
    after: "survivor",
    program: ({ marker }) => `
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open('/dev/null', os.O_RDWR)
        for fd in (0, 1, 2): os.dup2(null, fd)
        os.execve('/bin/sh', ['sh', '-c', 'sleep 8; : ${marker}'], {})
    os._exit(0)
time.sleep(0.3)`,
  },
  {
    name: "outlast the time limit, deaf to all signals",
    timeoutMs: 300,
    after: "overstayed",
    program: () => `
for n in range(1, 32):
    attempt(lambda: signal.signal(n, signal.SIG_IGN))
if os.fork() == 0: os.setsid()
time.sleep(8)`,
  },
  {
    name: "endless output (4 MiB allowed)",
    limits: { outputBytes: 4 * MIB },
    timeoutMs: 5000,
    after: "output",
    program: () => "while True: os.write(1, b'x' * 65536)",
  },
  {
    name: "library variables that act outside of the sandbox",
    after: "dropped",
    env: ({ drop }) => ({ LD_DEBUG: "files", LD_DEBUG_OUTPUT: `${drop}/trace` }),
    program: () => "pass",
  },
  {
    name: "raise its own limits",
    limits: { processes: 64, openFiles: 128 },
    program: () => `
for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
    if attempt(lambda: resource.setrlimit(kind, (100000, 100000)) or True): won()`,
  },
  {
    name: "find descriptors of the worker",
    program: () => `
for fd in os.listdir('/proc/self/fd'):
    if int(fd) > 2 and attempt(lambda: os.fstat(int(fd))): won('fd %s' % fd)`,
  },
  { name: "make a user namespace", program: () => "if libc.unshare(0x10000000) == 0: won()" },
  {
    name: "make a namespace by clone",
    program: () => `
pid = call(220 if arm else 56, ctypes.c_ulong(0x10000000 | 17), 0, 0, 0, 0)
if pid == 0: os._exit(0)
if pid > 0: won()`,
  },
  { name: "mount a file system", program: () => "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: won()" },
  system("keyctl", 250, 219, "1, None"),
  system("io_uring", 425, 425, "1, ctypes.create_string_buffer(256)"),
  system("userfaultfd", 323, 282, "1"),
  system("bpf", 321, 280, "0, ctypes.create_string_buffer(struct.pack('IIII', 2, 4, 4, 1) + bytes(112)), 128"),
  system(
    "perf_event_open",
    298,
    241,
    "ctypes.create_string_buffer(struct.pack('IIQ', 1, 112, 0) + bytes(24) + struct.pack('Q', 0x60) + bytes(64)), 0, -1, -1, 0",
  ),
  {
    name: "type into a terminal (TIOCSTI)",
    program: () => `
os.setsid() if os.getpgrp() != os.getpid() else None
a, b = os.openpty()
attempt(lambda: fcntl.ioctl(b, termios.TIOCSCTTY, 0))
if attempt(lambda: fcntl.ioctl(b, termios.TIOCSTI, b'x') or True): won()`,
  },
  {
    name: "gain rights by a setuid program",
    program: () => `
able = 'NoNewPrivs:\\t0' in open('/proc/self/status').read()
for path in ('/usr/bin/su', '/usr/bin/passwd', '/usr/bin/mount'):
    if able and attempt(lambda: os.stat(path).st_mode & stat.S_ISUID): won('su can be run')`,
  },
  {
    name: "make a device",
    program: () => "if attempt(lambda: os.mknod('d', stat.S_IFBLK | 0o600, os.makedev(8, 0)) or True): won()",
  },
  {
    name: "hard link to a file outside",
    program: ({ home }) => `if attempt(lambda: os.link(${JSON.stringify(`${home}/token`)}, 'x') or True): won()`,
  },
  {
    name: "open core_pattern for writing",
    program: () => "if attempt(lambda: open('/proc/sys/kernel/core_pattern', 'r+')): won()",
  },
];

/** The command that an attack runs as. */
export const commandOf = (attack: Attack, scene: Scene): string[] => [
  "/usr/bin/python3",
  "-I",
  "-c",
  `${PRELUDE}\n${attack.program(scene)}`,
];
