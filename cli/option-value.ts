import { isLimitName, LIMITS } from "./job/limits.ts";
import { type Option, type OptionName, type OptionTypes, optionOf, wordOf } from "./options.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

type Value = OptionTypes[keyof OptionTypes];
export type Read = { value: Value } | { mistake: string };

/** Reads one option's text as its kind says; the mistake names the option, what was given and what is allowed. */
export function readOptionValue(name: OptionName, text: string): Read {
  const option = optionOf(name);
  const mistake = (allowed: string) => ({ mistake: `--${wordOf(name)} ${JSON.stringify(text)}: ${allowed}` });
  if (text === "" && option.kind.startsWith("text") && !option.mayBeEmpty) return mistake(`${option.value} is missing`);
  switch (option.kind) {
    case "flag":
      return mistake("takes no value");
    case "text":
      if (option.choices && !option.choices.includes(text)) return mistake(`use ${option.choices.join(" or ")}`);
      return { value: text };
    case "texts":
      return { value: [text] };
    case "int":
    case "price":
    case "duration":
    case "size":
      return readNumber(option.kind, text, option, mistake);
    case "codes":
      return readCodes(text) ?? mistake("use exit codes from 0 to 255, such as 0,3");
    case "limits":
      return readLimit(text, mistake);
    default:
      return option.kind satisfies never;
  }
}

const NUMBERS = {
  int: {
    read: (text: string) => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined),
    what: "a whole number",
    show: String,
  },
  price: {
    read: (text: string) => (/^[+-]?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined),
    what: "a number with at most 6 decimals, such as 0.5",
    show: String,
  },
  duration: { read: parseDuration, what: "a time such as 90s, 10m, 1h30m or 2d", show: formatDuration },
  size: { read: parseSize, what: "a size such as 500M or 2G", show: formatSize },
};

type Mistake = (allowed: string) => { mistake: string };

function readNumber(
  kind: keyof typeof NUMBERS,
  text: string,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Pick<Option, "min" | "max">,
  mistake: Mistake,
): { value: number } | { mistake: string } {
  const { read, what, show } = NUMBERS[kind];
  const value = read(text);
  if (value === undefined) return mistake(`use ${what}`);
  if (value < min) return mistake(`use ${show(min)} or more`);
  if (value > max) return mistake(`use ${show(max)} or less`);
  return { value };
}

/** One limit; how much may be asked for is the contract's to say. */
function readLimit(text: string, mistake: Mistake): Read {
  const cut = text.indexOf("=");
  if (cut < 0) return mistake("use NAME=VALUE, such as processes=64");
  const [name, value] = [text.slice(0, cut), text.slice(cut + 1)];
  if (name === "cpus" || name === "gpus" || name === "memory" || name === "disk")
    return mistake(`this has an option of its own: --${name}`);
  if (!isLimitName(name)) return mistake(`use one of ${Object.keys(LIMITS).join(", ")}`);
  const { field, kind } = LIMITS[name];
  const read = readNumber(kind, value, {}, mistake);
  return "mistake" in read ? read : { value: { [field]: read.value } };
}

function readCodes(text: string): Read | undefined {
  const codes = text.split(",").map((code) => (/^\d{1,3}$/.test(code.trim()) ? Number(code) : 256));
  return codes.every((code) => code <= 255) ? { value: codes } : undefined;
}
