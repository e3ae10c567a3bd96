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

it("takes the GPUs that nvidia-smi names", async () => {
  const bin = place({ "nvidia-smi": says("GPU-0aa1-b2\nGPU-0aa1-c3") });
  expect(await findGpus(createAsk([bin]), "/nowhere")).toEqual({
    make: "nvidia",
    variable: "CUDA_VISIBLE_DEVICES",
    ids: ["GPU-0aa1-b2", "GPU-0aa1-c3"],
  });
});

it("asks the driver where there is no nvidia-smi, and counts where it does not know the names yet", async () => {
  const card = (uuid: string) => `Model: \t\t Tesla T4\nGPU UUID: \t ${uuid}\nDevice Minor: \t 0\n`;
  const paths = ["0000:01:00.0", "0000:02:00.0"].map((bus) => `proc/driver/nvidia/gpus/${bus}/information`);
  const [first = "", second = ""] = paths;
  const known = place({ [first]: card("GPU-11-aa"), [second]: card("GPU-22-bb") });
  expect((await findGpus(nobody, known))?.ids).toEqual(["GPU-11-aa", "GPU-22-bb"]);
  const unknown = place({ [first]: card("GPU-????????-????"), [second]: card("GPU-22-bb") });
  expect((await findGpus(nobody, unknown))?.ids).toEqual(["0", "1"]);
});

it("takes AMD's compute nodes, and not processors", async () => {
  const nodes = "sys/class/kfd/kfd/topology/nodes";
  const root = place({
    [`${nodes}/0/properties`]: "cpu_cores_count 8\nsimd_count 0\n",
    [`${nodes}/1/properties`]: "cpu_cores_count 0\nsimd_count 256\n",
    [`${nodes}/10/properties`]: "simd_count 64\n",
  });
  expect(await findGpus(nobody, root)).toEqual({ make: "amd", variable: "ROCR_VISIBLE_DEVICES", ids: ["0", "1"] });
});

it("finds none where there are none", async () => {
  expect(await findGpus(nobody, place({ x: "" }))).toBeUndefined();
});
