import { duration } from "./format";

/** What can be watched: seconds on the media's own clock. */
export interface Timeline {
  start_s: number;
  end_s: number;
  position_s: number;
  /** Grows at its end; false for recordings. */
  live: boolean;
}

/** Shorter windows are not worth a slider, s. */
export const WINDOW_S_MIN = 8;
/** Nearer than this to the end is live, s. */
const LIVE_S = 4;

export interface Scrubber {
  shown: boolean;
  max: number;
  value: number;
  /** Behind the end, s; 0 when live. */
  behind_s: number;
}

/** The slider. `edge_s`: where live playback stands behind the end by itself; only what is beyond counts as behind. */
export function scrubber(timeline: Timeline | null, edge_s: number): Scrubber {
  if (!timeline) return { shown: false, max: 0, value: 0, behind_s: 0 };
  const max = Math.max(0, timeline.end_s - timeline.start_s);
  const position = Math.min(max, Math.max(0, timeline.position_s - timeline.start_s));
  if (!timeline.live) return { shown: max > 0, max, value: position, behind_s: 0 };
  const behind = Math.max(0, max - position - edge_s);
  const live = behind < LIVE_S;
  return { shown: max >= WINDOW_S_MIN, max, value: live ? max : position, behind_s: live ? 0 : behind };
}

export interface TimeWords {
  second: string;
  seconds: string;
  minute: string;
  minutes: string;
  minute_second: string;
}

/** Seconds in words, for those who listen: "45 seconds", "2 minutes 5 seconds". */
export function spoken(total_s: number, words: TimeWords): string {
  const whole = Math.max(0, Math.round(total_s));
  const minutes = Math.floor(whole / 60);
  const seconds = whole % 60;
  const m = minutes === 1 ? words.minute : words.minutes.replace("{count}", String(minutes));
  const s = seconds === 1 ? words.second : words.seconds.replace("{count}", String(seconds));
  if (minutes === 0) return s;
  if (seconds === 0) return m;
  return words.minute_second.replace("{minutes}", m).replace("{seconds}", s);
}

/** "−0:45", as on a player. */
export function behindClock(behind_s: number): string {
  return `−${duration(behind_s * 1000)}`;
}
