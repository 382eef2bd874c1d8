import { api } from "./api";

const UPLOAD_BYTES = 512 * 1024;
/** Random bytes come in pieces of at most this many. */
const RANDOM_BYTES_MAX = 65_536;

/** Whether the media server answers, by the server's own look. */
export async function askServer(): Promise<boolean> {
  try {
    return (await api<{ livekit: { ok: boolean } }>("GET", "/api/v1/preflight")).livekit.ok;
  } catch {
    return false;
  }
}

/** Bits per second of one timed upload of 512 KiB; 0 when it failed. A first, small one warms the connection up. */
export async function measureUplink(): Promise<number> {
  const body = new Uint8Array(UPLOAD_BYTES);
  for (let i = 0; i < UPLOAD_BYTES; i += RANDOM_BYTES_MAX)
    crypto.getRandomValues(body.subarray(i, i + RANDOM_BYTES_MAX));
  try {
    await api("POST", "/api/v1/preflight/uplink", new Blob([body.subarray(0, 1024)]));
    const start = performance.now();
    await api("POST", "/api/v1/preflight/uplink", new Blob([body]));
    const seconds = Math.max(0.001, (performance.now() - start) / 1000);
    return (UPLOAD_BYTES * 8) / seconds;
  } catch {
    return 0;
  }
}
