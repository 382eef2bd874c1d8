import type { ReceiveFigures } from "../../models/receive_stats";
import { NO_FIGURES } from "./engine";

/** Segments come in lumps: the rate is that of this long a time, and of none shorter than a second. */
const WINDOW_MS = 6_000;
const SPAN_MS_MIN = 1_000;

/** Figures of a `<video>` that plays a file or HLS, between two looks. */
export class MediaFigures {
  #frames = 0;
  #at = 0;
  #loaded = 0;
  #looks: { at: number; loaded: number }[] = [];

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
      bitrate_bps: this.#rate(now),
      delay_ms,
      dropped: quality?.droppedVideoFrames ?? null,
    };
    this.#frames = quality?.totalVideoFrames ?? 0;
    this.#at = now;
    return figures;
  }

  #rate(now: number): number | null {
    this.#looks.push({ at: now, loaded: this.#loaded });
    while (this.#looks.length > 2 && now - (this.#looks[1]?.at ?? now) >= WINDOW_MS) this.#looks.shift();
    const [oldest] = this.#looks;
    if (!oldest || now - oldest.at < SPAN_MS_MIN) return null;
    return ((this.#loaded - oldest.loaded) * 8_000) / (now - oldest.at) || null;
  }
}
