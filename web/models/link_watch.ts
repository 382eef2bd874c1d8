import type { Entry } from "./receive_stats";

/**
 * A media server that hears us always answers: receipts of what we send several times a second, and answers to the
 * browser's connectivity checks every few seconds. When neither comes for this long the link is dead, whatever the
 * browser and signalling believe: viewers see a picture that stands still.
 */
export const DEAD_AFTER_MS = 6_000;

export interface LinkSample {
  /** When an answer was last seen to have come, ms of the same clock as `now_ms`. */
  at_ms: number;
  /** Answers counted so far. */
  answers: number;
}

/** The sample to keep. `null` as long as the browser tells nothing about its transport: then nothing is watched. */
export function heardBack(entries: Entry[], now_ms: number, last: LinkSample | null): LinkSample | null {
  const transports = entries.filter((e) => e.type === "transport");
  const pairs = entries.filter((e) => e.type === "candidate-pair");
  if (transports.length === 0 && pairs.length === 0) return null;
  const answers = count(transports, "packetsReceived") + count(pairs, "responsesReceived");
  return last && last.answers === answers ? last : { at_ms: now_ms, answers };
}

/** Whether nothing has come back for so long that only a new connection helps. */
export function isDead(sample: LinkSample | null, now_ms: number): boolean {
  return sample !== null && now_ms - sample.at_ms >= DEAD_AFTER_MS;
}

const count = (entries: Entry[], key: string): number =>
  entries.reduce((total, entry) => {
    const value = entry[key];
    return total + (typeof value === "number" && Number.isFinite(value) ? value : 0);
  }, 0);
