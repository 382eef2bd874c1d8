import { player as words } from "../../config/locales/en.json";
import { KEEP_MS, placeToKeep, resumeAt } from "../models/resume";
import { api } from "./api";
import { setText } from "./dom";
import { hlsEngine } from "./engines/choose";
import type { Engine, EnginePort } from "./engines/engine";
import { NativeEngine } from "./engines/native_hls";
import { Loudness } from "./loudness";
import { memory } from "./memory";
import { PlayerBar } from "./player_bar";

/** The server is told of the place so often at most, ms. */
const REPORT_MS = 15_000;

/**
 * What a `<live-player src="…">` is: a recording. `src` is an HLS playlist (.m3u8) or a file. It begins with a press of
 * play, where this viewer left it; the place is kept in this browser under `data-recording-id`, and sent to
 * `data-progress-url` when there is one (POST {position_s, duration_s}; a refusal changes nothing).
 *
 * data-state: connecting → recording (ready, playing or paused) | failed. data-delivery is `hls` or `file`.
 */
export class Recording {
  readonly #video: HTMLVideoElement;
  readonly #loudness: Loudness;
  readonly #bar: PlayerBar;
  readonly #on = new AbortController();
  #engine: Engine | null = null;
  #tick = 0;
  #keptAt = 0;
  #reportedAt = 0;
  #started = false;

  constructor(private readonly root: HTMLElement) {
    this.#video = this.#part("main") as HTMLVideoElement;
    this.#loudness = new Loudness([this.#video]);
    this.#loudness.wanted = true;
    this.#bar = new PlayerBar(root, {
      active: () => this.#started,
      video: () => this.#video,
      engine: () => this.#engine,
      paused: () => this.#video.paused,
      togglePlay: () => this.#toggle(),
      muted: () => !this.#loudness.wanted,
      setSound: (on) => {
        this.#loudness.wanted = on;
        this.#hear();
      },
      volume: () => this.#loudness.volume,
      setVolume: (volume) => {
        this.#loudness.volume = Math.min(1, Math.max(0, volume));
        this.#loudness.wanted = true;
        this.#hear();
      },
      seek: (position_s) => {
        this.#engine?.seek(position_s);
        this.#bar.line();
      },
      toLive: () => undefined,
    });
    const { signal } = this.#on;
    const video = this.#video;
    this.#part("start").addEventListener("click", () => this.#begin(), { signal });
    this.#part("retry").addEventListener("click", () => this.#begin(), { signal });
    for (const name of ["play", "pause"]) video.addEventListener(name, () => this.#bar.show(), { signal });
    for (const name of ["pause", "seeked", "ended"])
      video.addEventListener(name, () => this.#keep(true), { signal });
    video.addEventListener("timeupdate", () => this.#keep(false), { signal });
    window.addEventListener("pagehide", () => this.#keep(true), { signal });
    root.dataset.mode = "vod";
    root.dataset.state = "ready";
    root.dataset.delivery = "";
    this.#hear();
    const place = Number(memory.get(this.#key) ?? 0);
    if (place > 0) setText(this.#part("start-words"), words.go_on);
  }

  end(): void {
    if (this.#started) this.#keep(true);
    this.#on.abort();
    window.clearInterval(this.#tick);
    this.#engine?.stop();
    this.#engine = null;
    this.#bar.end();
  }

  #begin(): void {
    this.#engine?.stop();
    this.#started = false;
    this.root.dataset.state = "connecting";
    const src = this.root.getAttribute("src") ?? "";
    const playlist = /\.m3u8($|[?#])/.test(src);
    const port: EnginePort = {
      joined: () => this.#ready(playlist ? "hls" : "file"),
      left: () => this.#failed(),
      picture: () => undefined,
      menus: () => this.#bar.menus(),
      expired: () => undefined,
    };
    const saved = memory.get(this.#key);
    const known_s = Number(this.root.dataset.durationS ?? Number.NaN);
    const options = { vod: true, start_s: resumeAt(saved, known_s), now: () => Date.now() };
    // Asked for by the same press, as browsers want it.
    void this.#video.play().catch(() => undefined);
    const made = playlist
      ? hlsEngine(this.#video, src, options, port)
      : Promise.resolve(new NativeEngine(this.#video, src, options, port));
    void made
      .then((engine) => {
        if (this.#on.signal.aborted) return;
        this.#engine = engine;
        return engine.start();
      })
      .catch(() => this.#failed());
  }

  #ready(delivery: "hls" | "file"): void {
    this.root.dataset.state = "recording";
    this.root.dataset.delivery = delivery;
    this.#started = true;
    window.clearInterval(this.#tick);
    this.#tick = window.setInterval(() => this.#bar.line(), 500);
    void this.#video.play().catch(() => undefined);
    this.#bar.show();
    this.#bar.awake();
    this.#part("play").focus({ preventScroll: true });
  }

  #failed(): void {
    if (this.#on.signal.aborted) return;
    window.clearInterval(this.#tick);
    this.#started = false;
    this.root.dataset.state = "failed";
    this.root.dataset.delivery = "";
    setText(this.#part("announce"), words.recording_failed);
  }

  #toggle(): void {
    if (this.#video.paused) void this.#video.play().catch(() => undefined);
    else this.#video.pause();
  }

  #hear(): void {
    this.#loudness.apply(this.#video);
    this.#bar.show();
  }

  #keep(now: boolean): void {
    if (!this.#started) return;
    const at = Date.now();
    const { currentTime, duration } = this.#video;
    if (now || at - this.#keptAt >= KEEP_MS) {
      this.#keptAt = at;
      memory.set(this.#key, placeToKeep(currentTime, duration));
    }
    const url = this.root.dataset.progressUrl;
    if (!url || (!now && at - this.#reportedAt < REPORT_MS)) return;
    this.#reportedAt = at;
    const body = { position_s: Math.round(currentTime), duration_s: Math.round(duration || 0) };
    void api("POST", url, body, { keepalive: true }).catch(() => undefined);
  }

  get #key(): string {
    return `recording:${this.root.dataset.recordingId ?? this.root.getAttribute("src") ?? ""}`;
  }

  #part(name: string): HTMLElement {
    const element = this.root.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (!element) throw new Error(`live-player: no part "${name}"`);
    return element;
  }
}
