import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readOwnerFile } from "../../worker/owner-file.ts";

function write(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "rendt-owner-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "worker.toml"), text);
  return join(folder, "worker.toml");
}

it("reads what the owner grants, in the units of the command line", () => {
  const path = write(`
    sandbox = "strict"
    runtimes = ["/opt/conda"]
    [limits]
    cpus = 2
    memory = "1.5G"
    disk = 1000
    open-files = 100
    cpu-time = "2h"
  `);
  expect(readOwnerFile(path)).toMatchObject({
    sandbox: "strict",
    runtimes: ["/opt/conda"],
    caps: { cpus: 2, memoryBytes: 1.5 * 1024 ** 3, diskBytes: 1000, openFiles: 100, cpuMs: 7_200_000 },
  });
});

it("grants the usual when there is no file", () => {
  expect(readOwnerFile("/nowhere/worker.toml")).toEqual({});
});

it("tells all mistakes together", () => {
  const path = write('sandbox = "iron"\ncolour = 1\n[limits]\nmemory = "lots"\ncpu-time = 5\ncpus = 0.5\n');
  let message = "";
  try {
    readOwnerFile(path);
  } catch (error) {
    message = error instanceof Error ? error.message : "";
  }
  for (const word of ["sandbox: ", "colour", "limits.memory: ", "500M or 2G", "limits.cpu-time: ", "limits.cpus: "])
    expect(message).toContain(word);
});

it("says where the TOML is broken", () => {
  expect(() => readOwnerFile(write("sandbox = \n"))).toThrow(/worker\.toml, line 1, column/);
});
