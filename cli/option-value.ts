import { type Option, type OptionName, type OptionTypes, optionOf } from "./options.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

type Value = OptionTypes[keyof OptionTypes];
export type Read = { value: Value } | { mistake: string };

/** Reads one option's text as its kind says; the mistake names the option, what was given and what is allowed. */
export function readOptionValue(name: OptionName, text: string): Read {
  const option = optionOf(name);
  const mistake = (allowed: string) => ({ mistake: `--${name} ${JSON.stringify(text)}: ${allowed}` });
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
      return inRange(
        option,
        /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined,
        "a whole number",
        String,
        mistake,
      );
    case "price":
      return inRange(
        option,
        /^[+-]?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined,
        "a number with at most 6 decimals, such as 0.5",
        String,
        mistake,
      );
    case "duration":
      return inRange(option, parseDuration(text), "a time such as 90s, 10m, 1h30m or 2d", formatDuration, mistake);
    case "size":
      return inRange(option, parseSize(text), "a size such as 500M or 2G", formatSize, mistake);
    case "codes":
      return readCodes(text) ?? mistake("use exit codes from 0 to 255, such as 0,3");
    default:
      return option.kind satisfies never;
  }
}

function inRange(
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Option,
  value: number | undefined,
  what: string,
  show: (value: number) => string,
  mistake: (allowed: string) => Read,
): Read {
  if (value === undefined) return mistake(`use ${what}`);
  if (value < min) return mistake(`use ${show(min)} or more`);
  if (value > max) return mistake(`use ${show(max)} or less`);
  return { value };
}

function readCodes(text: string): Read | undefined {
  const codes = text.split(",").map((code) => (/^\d{1,3}$/.test(code.trim()) ? Number(code) : 256));
  return codes.every((code) => code <= 255) ? { value: codes } : undefined;
}
