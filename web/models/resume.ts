/** Going on begins a little before, so that the thread is found again, s. */
const BACK_S = 3;
/** So near to the start or the end, a recording begins anew, s. */
const START_S = 10;
const END_S = 15;
/** How often the place is kept, ms. */
export const KEEP_MS = 5_000;

/** Where to begin a recording: `saved` is what was kept, as text; anything unusable means the start. */
export function resumeAt(saved: string | null, duration_s: number): number {
  const at = saved === null ? Number.NaN : Number(saved);
  if (!Number.isFinite(at) || at < START_S) return 0;
  if (Number.isFinite(duration_s) && at > duration_s - END_S) return 0;
  return Math.max(0, at - BACK_S);
}

/** What to keep for a position; null: forget it, as it was seen to the end. */
export function placeToKeep(position_s: number, duration_s: number): string | null {
  if (!Number.isFinite(position_s) || position_s < START_S) return null;
  if (Number.isFinite(duration_s) && position_s > duration_s - END_S) return null;
  return String(Math.floor(position_s));
}
