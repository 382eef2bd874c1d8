import type { ReceiveFigures } from "../../models/receive_stats";
import { NO_FIGURES } from "./engine";

/** Figures of a `<video>` that plays a file or HLS, between two looks. */
export class MediaFigures {
  #frames = 0;
  #at = 0;
  #bytes = 0;
  #loaded = 0;

  constructor(private readonly video: HTMLVideoElement) {}

  /** So much came over the network. */
  add(bytes: number): void {
    this.#loaded += bytes;
  }

  look(delay_ms: number | null): ReceiveFigures {
    const quality = this.video.getVideoPlaybackQuality?.();
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    const first = this.#at === 0;
    const figures: ReceiveFigures = {
      ...NO_FIGURES,
      width: this.video.videoWidth || null,
      height: this.video.videoHeight || null,
      fps: first || !quality ? null : Math.max(0, (quality.totalVideoFrames - this.#frames) / seconds),
      // Segments come in lumps: half of what came since, half of what was told before.
      bitrate_bps: first ? null : this.#rate(seconds),
      delay_ms,
      dropped: quality?.droppedVideoFrames ?? null,
    };
    this.#frames = quality?.totalVideoFrames ?? 0;
    this.#at = now;
    return figures;
  }

  #rate(seconds: number): number | null {
    const bps = ((this.#loaded - this.#bytes) * 8) / seconds;
    this.#bytes = this.#loaded;
    this.#smooth = this.#smooth === 0 ? bps : this.#smooth * 0.75 + bps * 0.25;
    return this.#smooth || null;
  }

  #smooth = 0;
}
