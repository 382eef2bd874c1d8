/** Calls back `perSecond` times a second, also while the tab is in the background, where page timers slow to one a second. */
export function startTicker(perSecond: number, tick: () => void): () => void {
  const interval_ms = Math.round(1000 / perSecond);
  try {
    const url = URL.createObjectURL(
      new Blob([`setInterval(() => postMessage(0), ${interval_ms})`], { type: "text/javascript" }),
    );
    const worker = new Worker(url);
    URL.revokeObjectURL(url);
    worker.onmessage = tick;
    let fallback = 0;
    worker.onerror = () => {
      fallback ||= window.setInterval(tick, interval_ms);
    };
    return () => {
      worker.terminate();
      window.clearInterval(fallback);
    };
  } catch {
    const timer = window.setInterval(tick, interval_ms);
    return () => window.clearInterval(timer);
  }
}
