export type Countdown =
  | { kind: "none" }
  | { kind: "soon" }
  | { kind: "left"; days: number; hours: number; minutes: number; seconds: number };

/** What stands on the lobby's clock: nothing without a time, "soon" once it has passed (a show starts when its creator does). */
export function countdown(startsAt: number | null, now: number): Countdown {
  if (startsAt === null) return { kind: "none" };
  const left = Math.ceil((startsAt - now) / 1000);
  if (left <= 0) return { kind: "soon" };
  return {
    kind: "left",
    days: Math.floor(left / 86_400),
    hours: Math.floor((left % 86_400) / 3_600),
    minutes: Math.floor((left % 3_600) / 60),
    seconds: left % 60,
  };
}

const two = (n: number): string => String(n).padStart(2, "0");

/** "2 d 04:05:06", "04:05:06" or "05:06". */
export function clockText(c: Countdown): string {
  if (c.kind !== "left") return "";
  if (c.days > 0) return `${c.days} d ${two(c.hours)}:${two(c.minutes)}:${two(c.seconds)}`;
  if (c.hours > 0) return `${two(c.hours)}:${two(c.minutes)}:${two(c.seconds)}`;
  return `${two(c.minutes)}:${two(c.seconds)}`;
}
