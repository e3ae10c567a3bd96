import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { makeFolder, makeFolderSync } from "../../files/make-folder.ts";

const ways = {
  makeFolder,
  makeFolderSync: async (...words: Parameters<typeof makeFolderSync>) => makeFolderSync(...words),
};

it.each(Object.entries(ways))(
  "%s makes a folder and those above it, by many at once, or says why not",
  async (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), "rendt-folders-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const deep = join(folder, "a/b/c");
    await Promise.all(Array.from({ length: 20 }, () => make(deep, 0o700)));
    await make(deep);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    writeFileSync(join(folder, "file"), "");
    await expect(make(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(make(join(folder, "file/x/y"))).rejects.toMatchObject({ code: "ENOTDIR" });
    symlinkSync("nowhere", join(folder, "link"));
    await expect(make(join(folder, "link/x/y"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  },
);

it.runIf(process.platform === "linux").each(Object.entries(ways))("%s comes to an end below /proc", async (_, make) => {
  await expect(make("/proc/rendt/deep/er")).rejects.toMatchObject({ code: "ENOENT" });
});
