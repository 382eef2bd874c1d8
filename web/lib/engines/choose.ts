import { loadHls } from "../hls_library";
import type { Engine, EnginePort } from "./engine";
import { HlsEngine, type HlsOptions } from "./hls";
import { NativeEngine } from "./native_hls";

/** An engine for an HLS address: hls.js wherever it runs, and only then the browser's own player. Chromium says "maybe" to
    HLS too, and would be taken for Safari by anybody who asks it first. */
export async function hlsEngine(
  video: HTMLVideoElement,
  url: string,
  options: HlsOptions,
  port: EnginePort,
): Promise<Engine> {
  const { default: Hls } = await loadHls();
  return Hls.isSupported()
    ? new HlsEngine(video, url, options, port)
    : new NativeEngine(video, url, options, port);
}
