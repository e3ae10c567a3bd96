import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createAsk } from "../../../worker/machine/ask.ts";
import { findGpus } from "../../../worker/machine/gpus.ts";
import { findRuntimes } from "../../../worker/machine/runtimes.ts";

/** A folder with these files; scripts can be run by anybody. */
function place(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "rendt-machine-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }
  return root;
}

const says = (text: string, to = "") => `#!/bin/sh\necho '${text}' ${to}\n`;
const nobody = async () => undefined;

it("finds runtimes with their versions, whatever way they tell them", async () => {
  const bin = place({
    python3: says("Python 3.11.2"),
    java: says('openjdk version "17.0.9" 2023-10-17', ">&2"),
    ffmpeg: says("ffmpeg version 5.1.4-0+deb12u1 Copyright (c) 2000-2023"),
    go: says("go version go1.21.5 linux/amd64"),
    docker: says("Docker, I think"),
    ruby: "#!/bin/sh\nexit 3\n",
    "perl/is-a-folder": "",
  });
  expect(await findRuntimes(createAsk([bin, "/nowhere"]))).toEqual([
    "python3=3.11.2",
    "java=17.0.9",
    "go=1.21.5",
    "ffmpeg=5.1.4",
    "docker",
  ]);
});

/** What nvidia-smi answers to `-L` and to a question for modes, with its exit codes. */
const smi = (list: string, { exit = 0, modes = "", modesExit = 0 } = {}) =>
  `#!/bin/sh\nif [ "$1" = -L ]; then cat <<'END'\n${list}\nEND\nexit ${exit}; fi\ncat <<'END'\n${modes}\nEND\nexit ${modesExit}\n`;

const T4 = "GPU-74edc72b-204b-7996-59f6-bff24ec89c23";
const A100 = "GPU-2ac434d3-1aca-57a0-597d-1d2effdba9f3";
const list = (...uuids: string[]) => uuids.map((uuid, at) => `GPU ${at}: Tesla T4 (UUID: ${uuid})`).join("\n");
const card = (uuid: string) => `Model: \t\t Tesla T4\nGPU UUID: \t ${uuid}\nDevice Minor: \t 0\n`;
const [first = "", second = ""] = ["0000:01:00.0", "0000:02:00.0"].map(
  (bus) => `proc/driver/nvidia/gpus/${bus}/information`,
);

async function find(script: string | undefined, files: Record<string, string> = { x: "" }) {
  const notices: string[] = [];
  const ask = script === undefined ? nobody : createAsk([place({ "nvidia-smi": script }), "/bin"]);
  const found = await findGpus({ ask, root: place(files), notice: (text) => notices.push(text) });
  return { found, ids: found?.ids ?? [], notices };
}

it("takes the GPUs that nvidia-smi names, whatever they are called", async () => {
  const { found, notices } = await find(smi(`${list(T4)}\nGPU 1: Orin (nvgpu) (UUID: ${A100})`));
  expect(found).toEqual({ make: "nvidia", variable: "CUDA_VISIBLE_DEVICES", ids: [T4, A100] });
  expect(notices).toEqual([]);
});

it("takes the parts of a GPU that is divided, by names of old and new drivers, and nothing of one that has none yet", async () => {
  const divided = (uuid: string, ...parts: string[]) =>
    [
      `GPU 0: NVIDIA A100 (UUID: ${uuid})`,
      ...parts.map((part, at) => `  MIG 3g.20gb     Device  ${at}: (UUID: ${part})`),
    ].join("\n");
  const old = [`MIG-${A100}/1/0`, `MIG-${A100}/2/0`];
  expect((await find(smi(divided(A100, ...old)))).ids).toEqual(old);
  const fresh = ["MIG-163816c9-1176-5817-9217-644f2bc0b174"];
  expect((await find(smi(`${divided(A100, ...fresh)}\n${list(T4)}`))).ids).toEqual([...fresh, T4]);
  const modes = `${A100}, Enabled\n${T4}, [N/A]`;
  expect((await find(smi(list(A100, T4), { modes }))).ids).toEqual([T4]);
  const unknown = 'Field "mig.mode.current" is not a valid field to query.';
  expect((await find(smi(list(A100), { modes: unknown, modesExit: 2 }))).ids).toEqual([A100]);
});

it("lends none that its tool does not name, and says why: CUDA can't use them", async () => {
  const two = { [first]: card(T4), [second]: card(A100) };
  const lost = "Unable to determine the device handle for GPU1: 0000:02:00.0: Unknown Error";
  const half = await find(smi(`${list(T4)}\n${lost}`, { exit: 15 }), two);
  expect([half.ids, half.notices]).toEqual([[T4], [`nvidia-smi names 1 of 2 GPUs, no others are lent: ${lost}`]]);
  for (const [words, exit] of [
    ["Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.173", 18],
    [
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it is installed.",
      9,
    ],
    ["No devices were found", 6],
  ] as const) {
    const none = await find(smi(words, { exit }), two);
    expect(none.ids).toEqual([]);
    expect(none.notices).toEqual([expect.stringContaining(words.split("\n")[0] ?? "")]);
    // The tool alone, on a machine without a card, is nothing to tell of.
    expect((await find(smi(words, { exit }))).notices).toEqual([]);
  }
});

it("asks the driver where there is no nvidia-smi, and counts where it does not know the names yet", async () => {
  expect((await find(undefined, { [first]: card(T4), [second]: card(A100) })).ids).toEqual([T4, A100]);
  const unknown = { [first]: card("GPU-????????-????"), [second]: card(A100) };
  expect((await find(undefined, unknown)).ids).toEqual(["0", "1"]);
});

it("takes AMD's compute nodes, and not processors, if tasks may open them", async () => {
  const nodes = "sys/class/kfd/kfd/topology/nodes";
  const files = {
    [`${nodes}/0/properties`]: "cpu_cores_count 8\nsimd_count 0\n",
    [`${nodes}/1/properties`]: "cpu_cores_count 0\nsimd_count 256\n",
    [`${nodes}/10/properties`]: "simd_count 64\n",
  };
  const closed = await find(undefined, files);
  expect([closed.ids, closed.notices]).toEqual([[], [expect.stringContaining("2 AMD GPUs are not lent")]]);
  const root = place({ ...files, "dev/kfd": "" });
  chmodSync(join(root, "dev/kfd"), 0o666);
  expect(await findGpus({ ask: nobody, root, notice: () => undefined })).toEqual({
    make: "amd",
    variable: "ROCR_VISIBLE_DEVICES",
    ids: ["0", "1"],
  });
});

it("finds none where there are none", async () => {
  expect((await find(undefined)).found).toBeUndefined();
});
