import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const coloured = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (style: Style, text: string): string => (coloured ? styleText(style, text) : text);

let steps = 0;

/** What the demo prints: numbered steps, the command that each stands for, and what came of it. */
export const screen = {
  title: (text: string) => console.log(paint("bold", text)),
  step(what: string, command?: string) {
    steps += 1;
    console.log(`\n${paint("bold", `${steps}  ${what}`)}`);
    if (command) console.log(paint("cyan", `   $ ${command}`));
  },
  note: (text: string) => console.log(`   ${text}`),
  /** Something that happened to the job, so many ms after it was created. */
  event(ms: number, what: string, detail: string) {
    console.log(`   ${paint("dim", `${ms} ms`.padStart(8))}  ${paint("yellow", what.padEnd(9))}  ${detail}`);
  },
  /** A line that the job printed. */
  printed: (text: string) => console.log(`             ${paint("dim", "|")} ${text}`),
  good: (text: string) => console.log(`   ${paint("green", "ok")}  ${text}`),
  next: (command: string, about: string) =>
    console.log(`   ${paint("cyan", command.padEnd(40))}  ${paint("dim", about)}`),
  stopped: (text: string) => console.error(`\n${paint("yellow", text)}`),
  failed: (text: string) => console.error(`\n${paint("red", "the demo failed:")} ${text}`),
};
