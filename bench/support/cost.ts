import { cpuSecondsOfTree } from "./proc.ts";

/**
 * Processor time that each of some processes used while something ran, in ms for each of `count` pieces; `children` are all
 * below them. Unlike the clock's, these figures hardly depend on what else the machine does.
 */
export function meterCpu(pids: Record<string, number>): (count: number) => Record<string, number> {
  const read = () => Object.entries(pids).map(([name, pid]) => ({ name, ...cpuSecondsOfTree(pid) }));
  const before = read();
  return (count) => {
    const used: Record<string, number> = {};
    read().forEach(({ name, own, children }, at) => {
      used[name] = ((own - (before[at]?.own ?? 0)) * 1000) / count;
      const more = ((children - (before[at]?.children ?? 0)) * 1000) / count;
      if (more > 0) used[`${name}'s children`] = more;
    });
    return used;
  };
}
