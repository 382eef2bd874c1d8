const two = (n: number): string => String(n).padStart(2, "0");

/** ms → "0:07", "12:34" or "1:02:03"; never negative. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** bits per second → "850 kbit/s", "2.4 Mbit/s" or "41 Mbit/s". */
export function bitrate(bps: number | null): string {
  if (bps === null || !Number.isFinite(bps)) return "–";
  if (bps < 1_000_000) return `${Math.round(bps / 1000)} kbit/s`;
  return `${(bps / 1_000_000).toFixed(bps < 10_000_000 ? 1 : 0)} Mbit/s`;
}

/** Share 0..1 → "0.4 %". */
export function percent(share: number | null): string {
  return share === null || !Number.isFinite(share) ? "–" : `${(share * 100).toFixed(1)} %`;
}

/** ms → "120 ms". */
export function milliseconds(ms: number | null): string {
  return ms === null || !Number.isFinite(ms) ? "–" : `${Math.round(ms)} ms`;
}

/** Whole number in the reader's grouping, "–" when unknown. */
export function count(n: number | null, locale?: string): string {
  return n === null || !Number.isFinite(n) ? "–" : Math.round(n).toLocaleString(locale);
}

/** "1280 × 720". */
export function resolution(width: number | null, height: number | null): string {
  return width && height ? `${width} × ${height}` : "–";
}

/** ms → seconds as said of a delay: "0.9" below ten, "42" above. */
export function secondsBehind(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  return s < 10 ? s.toFixed(1) : String(Math.round(s));
}
