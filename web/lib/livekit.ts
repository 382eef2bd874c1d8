/** livekit-client is big, so it is a chunk of its own, loaded when a stream is near; the promise is shared. */
export type LiveKit = typeof import("livekit-client");

let loading: Promise<LiveKit> | null = null;

/** Starts loading at once; a failed load is forgotten, so that the next call tries again. */
export function loadLiveKit(): Promise<LiveKit> {
  loading ??= import("livekit-client").then(
    (kit) => {
      kit.setLogLevel(kit.LogLevel.warn);
      return kit;
    },
    (error: unknown) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}
