import { describe, expect, it } from "vitest";
import { parseArguments } from "../../cli/parse.ts";

const allowed = [
  "input",
  "name",
  "quiet",
  "json",
  "follow",
  "timeout",
  "retries",
  "success-codes",
  "sandbox",
  "max-price",
  "notify",
  "limit",
] as const;
const limits = "processes, open-files, file-size, cpu-time, output, files";
const parse = (...args: string[]) => parseArguments(args, allowed);

describe("a command line", () => {
  it("keeps everything after -- as it is", () => {
    const { words, command, values, mistakes } = parse("-q", "last", "--", "sh", "-c", "--name", "--", "é 🎉\n");
    expect({ words, command, values, mistakes }).toEqual({
      words: ["last"],
      command: ["sh", "-c", "--name", "--", "é 🎉\n"],
      values: { quiet: true },
      mistakes: [],
    });
  });

  it.each([
    [["--name", "x"], { name: "x" }],
    [["--name=x=y"], { name: "x=y" }],
    [["--name="], { name: "" }],
    [["-i", "a", "-ib", "--input", "c"], { input: ["a", "b", "c"] }],
    [["-qf"], { quiet: true, follow: true }],
    [["-qi", "a"], { quiet: true, input: ["a"] }],
    [["--name", "x", "--name", "y"], { name: "y" }],
    [["--retries", "3"], { retries: 3 }],
    [["--timeout", "1h30m"], { timeout: 5_400_000 }],
    [["--success-codes", "0,3"], { "success-codes": [0, 3] }],
    [["--max-price", "0.25"], { "max-price": 0.25 }],
    [["--name", "-x"], { name: "-x" }],
    [["--limit", "processes=64", "--limit=cpu-time=2h"], { limit: { processes: 64, cpuMs: 7_200_000 } }],
    [["--limit", "file-size=1G", "--limit", "output=64K"], { limit: { fileBytes: 1024 ** 3, outputBytes: 65_536 } }],
    [["--limit", "open-files=32", "--limit", "files=1000"], { limit: { openFiles: 32, files: 1000 } }],
  ])("%j is read", (args, values) => expect(parse(...args)).toMatchObject({ values, mistakes: [] }));

  it("is read by what its command means where two commands type the same", () => {
    expect(parseArguments(["--limit", "5"], ["at-most"])).toMatchObject({ values: { "at-most": 5 }, mistakes: [] });
    expect(parseArguments(["--at-most", "5"], ["at-most"]).mistakes).toEqual(["unknown option --at-most"]);
  });

  it("takes a lone dash and negative numbers as words", () => {
    expect(parse("-", "-5").words).toEqual(["-", "-5"]);
  });

  it.each([
    [["--nmae", "x"], "unknown option --nmae; did you mean --name?"],
    [["--xyzzy"], "unknown option --xyzzy"],
    [["-z"], "unknown option -z"],
    [["--json=yes"], '--json takes no value, but got "yes"'],
    [["--name"], "--name needs a value: NAME"],
    [["--name", "--", "x"], "--name needs a value: NAME"],
    [["--retries", "many"], '--retries "many": use a whole number'],
    [["--retries", "-1"], '--retries "-1": use 0 or more'],
    [["--timeout", "5x"], '--timeout "5x": use a time such as 90s, 10m, 1h30m or 2d'],
    [["--success-codes", "0,300"], '--success-codes "0,300": use exit codes from 0 to 255, such as 0,3'],
    [["--max-price", "-1"], '--max-price "-1": use 0 or more'],
    [["--max-price", "1000001"], '--max-price "1000001": use 1000000 or less'],
    [["--max-price", "NaN"], '--max-price "NaN": use a number with at most 6 decimals, such as 0.5'],
    [["--max-price", "1e99"], '--max-price "1e99": use a number with at most 6 decimals, such as 0.5'],
    [["--max-price", "0.0000001"], '--max-price "0.0000001": use a number with at most 6 decimals, such as 0.5'],
    [["--notify", ""], '--notify "": COMMAND is missing'],
    [["-i", ""], '--input "": SRC[=DEST] is missing'],
    [["--sandbox", "iron"], '--sandbox "iron": use none or strict'],
    [["--limit", "processes"], '--limit "processes": use NAME=VALUE, such as processes=64'],
    [["--limit", "threads=8"], `--limit "threads=8": use one of ${limits}`],
    [["--limit", "toString=8"], `--limit "toString=8": use one of ${limits}`],
    [["--limit", "memory=2G"], '--limit "memory=2G": this has an option of its own: --memory'],
    [["--limit", "processes="], '--limit "processes=": use a whole number'],
    [["--limit", "open-files=1K"], '--limit "open-files=1K": use a whole number'],
    [["--limit", "cpu-time=soon"], '--limit "cpu-time=soon": use a time such as 90s, 10m, 1h30m or 2d'],
    [["--limit", "output=much"], '--limit "output=much": use a size such as 500M or 2G'],
    [["--limit", "files=9", "--limit", "files=8"], '--limit "files=8": it was given before'],
  ])("%j is refused: %s", (args, mistake) => expect(parse(...args).mistakes[0]).toBe(mistake));

  it("tells all mistakes together", () => {
    expect(parse("--retries", "x", "--bogus", "--timeout").mistakes).toHaveLength(3);
  });
});
