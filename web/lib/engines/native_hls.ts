import type { Timeline } from "../../models/dvr";
import type { ReceiveFigures } from "../../models/receive_stats";
import type { Choice, Engine, EnginePort, Proof } from "./engine";
import type { HlsOptions } from "./hls";
import { MediaFigures } from "./media_figures";

/** Behind the end by so much is live for a player that chooses its own distance, s. */
const EDGE_S = 6;

/** The browser's own player: HLS on Apple's, and plain files everywhere. It chooses quality and distance itself. */
export class NativeEngine implements Engine {
  readonly delivery = "hls";
  #stopped = false;
  readonly #figures: MediaFigures;
  readonly #on = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly options: HlsOptions,
    private readonly port: EnginePort,
  ) {
    this.#figures = new MediaFigures(video);
  }

  async start(): Promise<void> {
    const { signal } = this.#on;
    const { video } = this;
    video.addEventListener(
      "loadedmetadata",
      () => {
        if (this.options.start_s > 0) video.currentTime = this.options.start_s;
        this.port.joined();
        this.port.menus();
      },
      { signal },
    );
    video.addEventListener("error", () => this.#failed(), { signal });
    video.textTracks.addEventListener("addtrack", () => this.port.menus(), { signal });
    video.src = this.url;
    await video.play().catch(() => undefined);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#on.abort();
    this.video.removeAttribute("src");
    this.video.load();
  }

  output(): HTMLMediaElement {
    return this.video;
  }

  shown(): void {}

  async figures(): Promise<ReceiveFigures> {
    return this.#figures.look(this.#latency_ms());
  }

  proof(): Proof {
    return { edge_s: null, behind_s: null, still_ms: 0, near: true };
  }

  timeline(): Timeline | null {
    const { seekable, duration, currentTime } = this.video;
    if (!this.options.vod && seekable.length > 0)
      return {
        start_s: seekable.start(0),
        end_s: seekable.end(seekable.length - 1),
        position_s: currentTime,
        live: true,
      };
    if (!Number.isFinite(duration) || duration <= 0) return null;
    return { start_s: 0, end_s: duration, position_s: currentTime, live: false };
  }

  edge_s(): number {
    return this.options.vod ? 0 : EDGE_S;
  }

  seek(position_s: number): void {
    const line = this.timeline();
    if (line) this.video.currentTime = Math.max(line.start_s, Math.min(position_s, line.end_s));
  }

  toLive(): void {
    const { seekable } = this.video;
    if (seekable.length > 0)
      this.video.currentTime = Math.max(seekable.start(0), seekable.end(seekable.length - 1) - EDGE_S / 2);
    void this.video.play().catch(() => undefined);
  }

  /** A new address would begin anew: the player starts another one beside this. */
  renew(): boolean {
    return false;
  }

  qualities() {
    return { choices: [], chosen: -1, playing: "" };
  }

  chooseQuality(): void {}

  captions() {
    const tracks = this.#tracks();
    const choices: Choice[] = tracks.map((track, id) => ({ id, label: track.label || track.language }));
    return { choices, chosen: tracks.findIndex((track) => track.mode === "showing") };
  }

  chooseCaptions(id: number): void {
    for (const [i, track] of this.#tracks().entries()) track.mode = i === id ? "showing" : "disabled";
    this.port.menus();
  }

  #tracks(): TextTrack[] {
    return [...this.video.textTracks].filter(
      (track) => track.kind === "captions" || track.kind === "subtitles",
    );
  }

  #latency_ms(): number | null {
    if (this.options.vod) return null;
    const video = this.video as HTMLVideoElement & { getStartDate?: () => Date };
    const began = video.getStartDate?.().getTime();
    const behind = began ? this.options.now() - began - this.video.currentTime * 1000 : Number.NaN;
    return Number.isFinite(behind) && behind >= 0 && behind < 3_600_000 ? behind : null;
  }

  #failed(): void {
    if (this.#stopped) return;
    this.stop();
    this.port.left(false);
  }
}
