import { expect, it } from "vitest";
import { read } from "./sources.ts";

const packageJson = JSON.parse(read("package.json"));

it("the lockfile names no host", () => {
  expect(read("package-lock.json")).not.toMatch(/"resolved":/);
});

it("every dependency has a line about its use and cost, and no line is left of one that went", () => {
  const rows = read("docs/dependencies.md")
    .split("\n")
    .filter((line) => /^\| (?!package )[a-z@]/.test(line));
  const named = rows.flatMap((row) => (row.split("|")[1] ?? "").split(",").map((name) => name.trim().split(" ")[0]));
  const all = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });
  expect(named.sort()).toEqual(all.sort());
});

it("installing Rendt runs nothing", () => {
  const scripts = Object.keys(packageJson.scripts);
  expect(scripts.filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
});
