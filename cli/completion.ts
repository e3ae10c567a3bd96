import { jobStatus } from "../contract/job.ts";
import type { Command } from "./command.ts";
import { LIMITS } from "./job/limits.ts";
import { type OptionName, optionOf, wordOf } from "./options.ts";
import { EVERYWHERE } from "./parse.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script made from the table: commands, their options, and ids of recent jobs where one is wanted. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  if (shell === "bash") return bash(commands);
  if (shell === "zsh") return zsh(commands);
  return fish(commands);
}

const optionsOf = (command: Command): OptionName[] => [...(command.options ?? []), ...EVERYWHERE];
const flagsOf = (command: Command): string[] =>
  optionsOf(command).flatMap((name) => {
    const { short } = optionOf(name);
    return short ? [`--${wordOf(name)}`, `-${short}`] : [`--${wordOf(name)}`];
  });
/** Whose ids a command's words are: what `rendt completion` prints under this name. */
const idsFor = ({ words }: Command): "jobs" | "workers" | undefined => {
  if (/\b(SEL|ID)\b/.test(words?.usage ?? "")) return "jobs";
  return /^W\b/.test(words?.usage ?? "") ? "workers" : undefined;
};
const OFFERS = {
  statuses: jobStatus.options,
  limits: Object.keys(LIMITS).map((name) => `${name}=`),
  // One's own needs no naming.
  queues: ["public"],
};
/** What Tab offers for the value of an option: words, or the workers that the server knows then. */
const offersOf = (name: OptionName): readonly string[] | "workers" | undefined => {
  const { choices, offers } = optionOf(name);
  return offers === undefined || offers === "workers" ? (offers ?? choices) : OFFERS[offers];
};
const firstWords = (commands: readonly Command[]): string[] => [
  ...new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")),
];
const families = (commands: readonly Command[]): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const { name } of commands) {
    const [family = "", verb] = name.split(" ");
    if (verb) found.set(family, [...(found.get(family) ?? []), verb]);
  }
  return found;
};

function bash(commands: readonly Command[]): string {
  return `# bash completion of rendt: source <(rendt completion bash)
_rendt() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words="" options="" ids="" word
  local previous="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$current" = = ]; then current=""; elif [ "$previous" = = ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ "$word" = -- ]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  done
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${firstWords(commands).join(" ")} --help --version" -- "$current")); return
  fi
  case "$command" in ${[...families(commands).keys()].join("|")})
    if [ "$COMP_CWORD" -eq 2 ]; then
      case "$command" in
${familyCases(commands, "        ", 'words="', '"')}
      esac
      COMPREPLY=($(compgen -W "$words --help" -- "$current")); return
    fi
    command="$command \${COMP_WORDS[2]}" ;;
  esac
  case "$command" in
${commandCases(commands)}
    *) return ;;
  esac
  case "$command $previous" in
${offerCases(commands)}
  esac
  if [[ "$words" == *= ]]; then compopt -o nospace 2>/dev/null; fi
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current")); return; fi
  case "$ids" in
    jobs) words="last $(rendt completion jobs 2>/dev/null)" ;;
    workers) words="$(rendt completion workers 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -z "$ids$words" ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _rendt rendt
`;
}

function zsh(commands: readonly Command[]): string {
  return `#compdef rendt
# zsh completion of rendt: source <(rendt completion zsh)
_rendt() {
  local command="\${words[2]}" previous="\${words[CURRENT-1]}" choices="" options="" ids=""
  local -a nospace=()
  if (( \${words[(I)--]} > 0 && \${words[(I)--]} < CURRENT )); then _files; return; fi
  if (( CURRENT == 2 )); then compadd -- ${firstWords(commands).join(" ")} --help --version; return; fi
  case "$command" in ${[...families(commands).keys()].join("|")})
    if (( CURRENT == 3 )); then
      case "$command" in
${familyCases(commands, "        ", "compadd -- ", " --help")}
      esac
      return
    fi
    command="$command \${words[3]}" ;;
  esac
  case "$command" in
${commandCases(commands).replaceAll("words=", "choices=")}
    *) return ;;
  esac
  case "$command $previous" in
${offerCases(commands).replaceAll("words=", "choices=")}
  esac
  if [[ "$choices" == *= ]]; then nospace=(-S ""); fi
  if [[ "\${words[CURRENT]}" == -* ]]; then compadd -- \${=options}; return; fi
  case "$ids" in
    jobs) choices="last $(rendt completion jobs 2>/dev/null)" ;;
    workers) choices="$(rendt completion workers 2>/dev/null)" ;;
  esac
  if [[ -n "$choices" ]]; then compadd "\${nospace[@]}" -- \${=choices}; fi
  if [[ -z "$ids$choices" ]]; then _files; fi
}
compdef _rendt rendt
`;
}

function familyCases(commands: readonly Command[], indent: string, before: string, after: string): string {
  const cases = [...families(commands)].map(
    ([family, verbs]) => `${indent}${family}) ${before}${verbs.join(" ")}${after} ;;`,
  );
  return cases.join("\n");
}

/** The same words under all commands that have the option. */
function offerCases(commands: readonly Command[]): string {
  const cases = new Map<string, string[]>();
  for (const command of commands)
    for (const name of optionsOf(command)) {
      const offers = offersOf(name);
      if (!offers) continue;
      const does = offers === "workers" ? 'ids=workers words=""' : `ids="" words="${offers.join(" ")}"`;
      cases.set(does, [...(cases.get(does) ?? []), `"${command.name} --${wordOf(name)}"`]);
    }
  return [...cases].map(([does, places]) => `    ${places.join("|")}) ${does} ;;`).join("\n");
}

function commandCases(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    return `    "${command.name}") options="${flagsOf(command).join(" ")}" ids="${idsFor(command) ?? ""}" words="${choices(command)}" ;;`;
  });
  return cases.join("\n");
}

const choices = ({ words }: Command): string =>
  /^[a-z]+(\|[a-z]+)+$/.test(words?.usage ?? "") ? (words?.usage ?? "").replaceAll("|", " ") : "";

function fish(commands: readonly Command[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["# fish completion of rendt: rendt completion fish | source"];
  for (const command of commands) {
    const [first = "", second] = command.name.split(" ");
    const seen = second
      ? `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
      : `__fish_seen_subcommand_from ${first}`;
    if (second) {
      const unseen = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${families(commands).get(first)?.join(" ")}`;
      lines.push(`complete -c rendt -n ${quoted(unseen)} -f -a ${second} -d ${quoted(command.summary)}`);
    } else {
      lines.push(`complete -c rendt -n __fish_use_subcommand -f -a ${first} -d ${quoted(command.summary)}`);
    }
    for (const name of optionsOf(command)) {
      const { short, kind, summary } = optionOf(name);
      const offers = offersOf(name);
      const values = offers === "workers" ? "(rendt completion workers 2>/dev/null)" : offers?.join(" ");
      const letter = short ? ` -s ${short}` : "";
      const help = command.meanings?.[name]?.summary ?? summary;
      lines.push(
        `complete -c rendt -n ${quoted(seen)}${letter} -l ${wordOf(name)}${kind === "flag" ? "" : " -r"}${values === undefined ? "" : ` -f -a ${quoted(values)}`} -d ${quoted(help)}`,
      );
    }
    const ids = idsFor(command);
    if (ids)
      lines.push(
        `complete -c rendt -n ${quoted(seen)} -f -a '${ids === "jobs" ? "last " : ""}(rendt completion ${ids} 2>/dev/null)'`,
      );
    for (const choice of choices(command).split(" ").filter(Boolean))
      lines.push(`complete -c rendt -n ${quoted(seen)} -f -a ${choice}`);
  }
  for (const family of families(commands).keys())
    lines.push(`complete -c rendt -n __fish_use_subcommand -f -a ${family}`);
  return `${lines.join("\n")}\n`;
}
