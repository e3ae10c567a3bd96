/**
 * Reads `18:00` as the next time that this machine's clock shows it, in ms: today's, or tomorrow's when it is past. Where the clocks change,
 * a time that does not exist is the one an hour later. Undefined when it is no time of day.
 */
export function nextTimeOfDay(text: string, now: Date): number | undefined {
  const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  if (hours === undefined || minutes === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const on = (day: number) =>
    new Date(now.getFullYear(), now.getMonth(), day, Number(hours), Number(minutes)).getTime();
  const today = on(now.getDate());
  return today > now.getTime() ? today : on(now.getDate() + 1);
}
