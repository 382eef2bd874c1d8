/** A page that reloads lets go of the lock a moment after the new one asks for it. */
const WAIT_MS = 2_000;

/**
 * True when no other tab of this browser holds this experience's studio. The lock is the browser's own: it is held
 * until this page goes away, however it goes.
 */
export function holdStage(experienceId: string): Promise<boolean> {
  if (!("locks" in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks
      .request(`backstage-studio-${experienceId}`, { signal: AbortSignal.timeout(WAIT_MS) }, () => {
        resolve(true);
        return new Promise<void>(() => undefined);
      })
      .catch(() => resolve(false));
  });
}
