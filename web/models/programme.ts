import type { Stream } from "./live_state";

/** No news waits longer than this for the picture, ms. */
const WAIT_MS_MAX = 6_000;

/** How long news of the stage has to wait so that it comes with the picture it belongs to: HLS shows the stage as it was
    `latency_ms` ago. Only for what would cover a picture that is still worth seeing. */
export function newsDelay(before: Stream | null, after: Stream | null, latency_ms: number | null): number {
  if (!latency_ms || latency_ms < 0 || before?.id !== after?.id || before?.phase === after?.phase) return 0;
  const gone = after?.phase === "reconnecting" || after?.phase === "ended" || after?.phase === "archived";
  const wasOn = before?.phase === "live" || before?.phase === "reconnecting";
  return gone && wasOn ? Math.min(WAIT_MS_MAX, Math.round(latency_ms)) : 0;
}
