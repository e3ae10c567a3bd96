import { describe, expect, it } from "vitest";
import { parseArray } from "../../cli/job/array.ts";
import { environmentLines, readVariable } from "../../cli/job/environment-words.ts";
import { readJobFile } from "../../cli/job/job-file.ts";
import { readScript } from "../../cli/job/script.ts";
import { splitWords } from "../../cli/job/shell-words.ts";

describe("a job file", () => {
  it("holds a command and the words of the options", () => {
    const file = readJobFile(`
      command = ["python3", "a.py", "{}"]
      name = "sweep"
      input = ["a.py", "data=in"]
      output = "out/*"
      env = { SEED = 7, MODE = "fast" }
      timeout = "10m"
      wait-timeout = 90
      retries = 2
      max-price = 0.5
      success-codes = [0, 3]
      no-outputs-on-failure = true
    `);
    expect(file).toEqual({
      command: ["python3", "a.py", "{}"],
      mistakes: [],
      values: {
        name: "sweep",
        input: ["a.py", "data=in"],
        output: ["out/*"],
        env: ["SEED=7", "MODE=fast"],
        timeout: 600_000,
        "wait-timeout": 90_000,
        retries: 2,
        "max-price": 0.5,
        "success-codes": [0, 3],
        "no-outputs-on-failure": true,
      },
    });
  });

  it("names limits in a table or one by one, each once", () => {
    const limit = { processes: 64, cpuMs: 7_200_000 };
    expect(readJobFile('limit = { processes = 64, cpu-time = "2h" }').values).toEqual({ limit });
    expect(readJobFile('[limit]\nprocesses = 64\ncpu-time = "2h"').values).toEqual({ limit });
    expect(readJobFile('limit = ["processes=64", "cpu-time=2h"]').values).toEqual({ limit });
    expect(readJobFile("limit = { processes = true, threads = 2 }").mistakes).toEqual([
      'limit "processes=true": use a whole number',
      'limit "threads=2": use one of processes, open-files, file-size, cpu-time, output, files',
    ]);
    expect(readJobFile('limit = ["files=9", "files=8"]').mistakes).toEqual(['limit "files=8": it was given before']);
  });

  it("tells five mistakes together", () => {
    const { mistakes } = readJobFile(`
      comand = ["true"]
      retries = "many"
      timeout = "5x"
      name = ["a", "b"]
      no-outputs-on-failure = "yes"
    `);
    expect(mistakes).toEqual([
      'unknown word "comand"; did you mean command?',
      'retries "many": use a whole number',
      'timeout "5x": use a time such as 90s, 10m, 1h30m or 2d',
      'name: ["a","b"] is not one value',
      "no-outputs-on-failure: use true or false",
    ]);
  });

  it("says where it is no TOML", () => {
    expect(readJobFile('name = "a"\ncommand = [\n').mistakes[0]).toMatch(/^line 3, column 1: /);
  });

  it("knows no words of the command line that are no job's", () => {
    expect(readJobFile("json = true\nprofile = 'x'").mistakes).toHaveLength(2);
  });
});

describe("a script", () => {
  it("is run by the interpreter of its first line, with one argument as execve has it", () => {
    expect(readScript("a.py", "#!/usr/bin/env python3\n").interpreter).toEqual(["/usr/bin/env", "python3"]);
    expect(readScript("a.py", "#! /usr/bin/env -S python3 -u\n").interpreter).toEqual([
      "/usr/bin/env",
      "-S python3 -u",
    ]);
    expect(readScript("a.sh", "echo hello\n").interpreter).toEqual(["sh"]);
  });

  it("gives options in #RENDT lines up to its first command", () => {
    const script = readScript(
      "a.sh",
      "#!/bin/sh\n#RENDT -i 'my data' --timeout 5m\n\n# plain\n#RENDT -o out\necho\n#RENDT --nope\n",
    );
    expect(script.values).toEqual({ input: ["my data"], timeout: 300_000, output: ["out"] });
    expect(script.mistakes).toEqual([]);
  });

  it("tells the mistakes of its lines", () => {
    const { mistakes } = readScript("/x/a.sh", "#RENDT --timout 5m\n#RENDT --name 'open\n#RENDT extra\n");
    expect(mistakes).toEqual([
      "a.sh line 2: a quote is never closed",
      "#RENDT in a.sh: unknown option --timout; did you mean --timeout?",
      '#RENDT in a.sh: "5m extra" is no option',
    ]);
  });
});

it.each([
  ["0-99", { start: 0, step: 1, count: 100 }],
  ["7", { start: 7, step: 1, count: 1 }],
  ["0-99:2%8", { start: 0, step: 2, count: 50, limit: 8 }],
  ["1-10:4", { start: 1, step: 4, count: 3 }],
])("array %s", (text, array) => expect(parseArray(text)).toEqual(array));

it.each(["", "a", "-5", "5-", "9-3", "0-9:0", "0-9%0", "0-9%8:2", "0 - 9"])("array %j is refused", (text) =>
  expect(parseArray(text)).toContain(`--array ${JSON.stringify(text)}: `),
);

it("words are split as a shell splits them, without expanding anything", () => {
  expect(splitWords(`a 'b c' "d \\"e" f\\ g $HOME '' # rest`)).toEqual(["a", "b c", 'd "e', "f g", "$HOME", ""]);
  expect(splitWords("a#b")).toEqual(["a#b"]);
  expect(splitWords("'open")).toBeUndefined();
});

it("variables are given with a value or passed on", () => {
  expect(readVariable("A=b=c", {})).toEqual({ name: "A", value: "b=c" });
  expect(readVariable("A", { A: "own" })).toEqual({ name: "A", value: "own" });
  expect(readVariable("A", {})).toBe("A is not set here; write A=VALUE");
  expect(readVariable("1A=x", {})).toBe('"1A" is no name of an environment variable');
  expect(environmentLines("# no\n\nA=1\r\n  B=#2\n")).toEqual(["A=1", "B=#2"]);
});
