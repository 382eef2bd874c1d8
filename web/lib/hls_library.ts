/** hls.js is big, so it is a chunk of its own, loaded when HLS is near; the promise is shared. */
export type HlsLibrary = typeof import("hls.js");

let loading: Promise<HlsLibrary> | null = null;

/** Starts loading at once; a failed load is forgotten, so that the next call tries again. */
export function loadHls(): Promise<HlsLibrary> {
  loading ??= import("hls.js").catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}
