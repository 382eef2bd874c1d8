export interface Backoff {
  /** First ceiling, ms. */
  base_ms: number;
  /** No wait is longer, ms. */
  ceiling_ms: number;
}

/** The socket's: 0.25 s doubling to 10 s. */
export const SOCKET_BACKOFF: Backoff = { base_ms: 250, ceiling_ms: 10_000 };
/** Media's: a little slower to start, sooner at its ceiling, as people wait in front of it. */
export const MEDIA_BACKOFF: Backoff = { base_ms: 300, ceiling_ms: 5_000 };

/** Full jitter: anywhere between 0 and the attempt's ceiling (attempt counts from 0; `random` in [0, 1)), so that a
    thousand viewers who lost the same server do not come back in the same instant. */
export function wait_ms(attempt: number, random: number, backoff: Backoff): number {
  const ceiling = Math.min(backoff.ceiling_ms, backoff.base_ms * 2 ** Math.min(Math.max(attempt, 0), 16));
  return Math.round(random * ceiling);
}
