/** How a moment is written: `full` date and time, `day` the date alone, `soon` with a weekday when it is near, `zone` with the zone named, `clock` to the second. */
export type MomentStyle = "full" | "day" | "soon" | "zone" | "clock";

const DAY_MS = 86_400_000;

/** The page's language, in the reader's regional form of it if their browser names one. */
export function readerLocale(): string | undefined {
  if (typeof document === "undefined") return undefined;
  const page = document.documentElement.lang || undefined;
  return navigator.languages.find((one) => one.split("-")[0] === page) ?? page;
}

/** A moment (ms UTC) in words of the reader's language and zone (or those given, for tests). */
export function momentWords(
  at: number,
  now: number,
  style: MomentStyle,
  locale = readerLocale(),
  timeZone?: string,
): string {
  const zone = timeZone ? { timeZone } : {};
  const near = Math.abs(at - now) < 6 * DAY_MS;
  const day: Intl.DateTimeFormatOptions = near
    ? { weekday: "long" }
    : {
        weekday: "short",
        day: "numeric",
        month: "short",
        ...(Math.abs(at - now) > 300 * DAY_MS ? { year: "numeric" } : {}),
      };
  const clock: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };
  const options: Record<MomentStyle, Intl.DateTimeFormatOptions> = {
    full: { day: "numeric", month: "short", year: "numeric", ...clock },
    day: { day: "numeric", month: "short", year: "numeric" },
    soon: { ...day, ...clock },
    zone: { ...day, ...clock, timeZoneName: "short" },
    clock: { ...clock, second: "2-digit" },
  };
  return new Intl.DateTimeFormat(locale, { ...options[style], ...zone }).format(at);
}

/** The reader's zone by name, e.g. "Europe/Madrid". */
export function zoneName(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** ms UTC → value of a datetime-local field in the reader's zone, to the minute. */
export function toLocalInput(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** Value of a datetime-local field → ms UTC, or null when empty or not a time. */
export function fromLocalInput(value: string): number | null {
  if (!value) return null;
  const at = new Date(value).getTime();
  return Number.isNaN(at) ? null : at;
}
