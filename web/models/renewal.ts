/** Before a playback token ends, so long before and no later, ms. */
const AHEAD_MS = 60_000;
/** Nobody asks more often than this, ms. */
const SOONEST_MS = 2_000;
/** After a failed renewal, ms. */
const AGAIN_MS = 4_000;

/** When to ask for a new admission, ms from now: a minute before the old one ends (half way when it lives shorter), spread
    over a fifth of the time so that an audience that came together does not ask together. `random` in [0, 1). */
export function renewIn(expires_at: number, now: number, random: number, failed: boolean): number {
  if (failed) return Math.round(AGAIN_MS * (0.5 + random));
  const left = Math.max(0, expires_at - now);
  const latest = left > 2 * AHEAD_MS ? left - AHEAD_MS : left / 2;
  return Math.round(Math.max(SOONEST_MS, latest * (1 - 0.2 * random)));
}

/** In the query (`?token=…`, as a playback address has it), or as a part of the path (`/~…/`, as the origin hands it on). */
const TOKEN = /([?&]token=|\/~)([^&#/?]*)/;

/** The token in a playback address, null without one. */
export function tokenOf(url: string): string | null {
  return TOKEN.exec(url)?.[2] ?? null;
}

/** The address with the fresh token in place of its own. Those of other hosts, or without a token, stay as they are. */
export function withToken(url: string, host: string, fresh: string | null): string {
  if (!fresh || !TOKEN.test(url)) return url;
  try {
    if (new URL(url).host !== host) return url;
  } catch {
    return url;
  }
  return url.replace(TOKEN, (_whole, before: string) => before + fresh);
}
