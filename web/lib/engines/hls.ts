import type Hls from "hls.js";
import type { ErrorData } from "hls.js";
import { type CatchUp, catchUp, catchUpFrom, HEARD, UNHEARD } from "../../models/catch_up";
import type { Timeline } from "../../models/dvr";
import type { ReceiveFigures } from "../../models/receive_stats";
import { tokenOf, withToken } from "../../models/renewal";
import { loadHls } from "../hls_library";
import type { Choice, Engine, EnginePort, Proof } from "./engine";
import { MediaFigures } from "./media_figures";

const LOOK_MS = 50;
/** Errors that hls.js cannot mend itself are answered so often within a minute, then it is over. */
const MENDS_MAX = 3;
const MENDS_MS = 60_000;
/** Pause before the first one, ms; the next ones wait longer. */
const MEND_MS = 500;
/** Without low latency a stream comes in whole segments: so much of one stays in front of the playhead. */
const SEGMENT_SHARE = 0.75;
/** What can be watched again, s, when the playlist is longer than that. */
const BACK_BUFFER_S = 30;
/** After a jump the buffer has to settle before it is judged again, ms. */
const SETTLE_MS = 1_500;

export interface HlsOptions {
  /** A recording: from the start, nothing to catch up with. */
  vod: boolean;
  start_s: number;
  /** Server clock now, ms. */
  now(): number;
}

/** HLS by hls.js, low latency where the playlist has it. Speed is ours (models/catch_up.ts): hls.js has a floor of one second. */
export class HlsEngine implements Engine {
  readonly delivery = "hls";
  #hls: Hls | null = null;
  #stopped = false;
  #ticker = 0;
  #url: string;
  #token: string | null;
  #host: string;
  #catchUp: CatchUp | null = null;
  #margin_s: number | null = null;
  #settleUntil = 0;
  #unheard = true;
  #live = true;
  #mends: number[] = [];
  #edge = { end_s: 0, at_ms: 0 };
  readonly #figures: MediaFigures;

  constructor(
    private readonly video: HTMLVideoElement,
    url: string,
    private readonly options: HlsOptions,
    private readonly port: EnginePort,
  ) {
    this.#url = new URL(url, location.href).href;
    this.#host = new URL(this.#url).host;
    this.#token = tokenOf(this.#url);
    this.#figures = new MediaFigures(video);
  }

  async start(): Promise<void> {
    const { default: Library, ErrorTypes, Events } = await loadHls();
    if (this.#stopped) return;
    const hls = new Library({
      lowLatencyMode: true,
      maxLiveSyncPlaybackRate: 1,
      liveSyncOnStallIncrease: 0.2,
      backBufferLength: BACK_BUFFER_S,
      maxBufferLength: this.options.vod ? 30 : 12,
      startPosition: this.options.vod ? this.options.start_s : -1,
      capLevelToPlayerSize: true,
      enableWorker: true,
      // Reloads keep their first address, whose token grows old: each request takes the newest one.
      xhrSetup: (xhr, address) => {
        const fresh = withToken(address, this.#host, this.#token);
        if (fresh !== address || xhr.readyState === 0) xhr.open("GET", fresh, true);
      },
    });
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      this.port.joined();
      this.port.menus();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.port.menus());
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => this.port.menus());
    hls.on(Events.LEVEL_UPDATED, (_name, { details }) => this.#updated(details));
    hls.on(Events.FRAG_LOADED, (_name, { part, frag }) => {
      const stats = part?.stats ?? frag.stats;
      this.#figures.add(stats.loaded);
    });
    hls.on(Events.ERROR, (_name, data) => this.#error(data, ErrorTypes));
    hls.loadSource(this.#url);
    hls.attachMedia(this.video);
    void this.video.play().catch(() => undefined);
    if (!this.options.vod) this.#ticker = window.setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    this.#stopped = true;
    window.clearInterval(this.#ticker);
    this.#hls?.destroy();
    this.#hls = null;
    this.video.playbackRate = 1;
  }

  output(): HTMLMediaElement {
    return this.video;
  }

  shown(on: boolean): void {
    this.#unheard = !on;
  }

  async figures(): Promise<ReceiveFigures> {
    return this.#figures.look(this.#latency_ms());
  }

  proof(): Proof {
    const target = this.#hls?.latestLevelDetails?.targetduration ?? 1;
    const goal = this.#catchUp?.goal_s ?? 0.5;
    return {
      edge_s: this.#edge.end_s || null,
      behind_s: this.#hls ? this.#hls.latency : null,
      still_ms: Math.max(2_500, 2_000 * target),
      near: this.#margin_s !== null && this.#margin_s < goal + 0.25,
    };
  }

  timeline(): Timeline | null {
    const details = this.#hls?.latestLevelDetails;
    const first = details?.fragments[0];
    if (!details || !first) return null;
    return {
      start_s: Math.max(0, first.start),
      end_s: this.options.vod ? details.edge : this.#liveEnd_s(),
      position_s: this.video.currentTime,
      live: !this.options.vod,
    };
  }

  edge_s(): number {
    return this.#hls?.targetLatency ?? 0;
  }

  seek(position_s: number): void {
    const line = this.timeline();
    if (!line) return;
    const edge = line.end_s - this.edge_s();
    this.#live = line.live && position_s >= edge - 1;
    if (this.#live) {
      this.toLive();
      return;
    }
    this.video.playbackRate = 1;
    this.video.currentTime = Math.max(line.start_s + 0.1, Math.min(position_s, line.end_s - 0.1));
  }

  toLive(): void {
    const edge = this.#hls?.liveSyncPosition;
    this.#live = true;
    this.#forget();
    if (edge && edge > this.video.currentTime + 1) this.video.currentTime = edge;
    void this.video.play().catch(() => undefined);
  }

  renew(url: string): boolean {
    this.#url = new URL(url, location.href).href;
    this.#token = tokenOf(this.#url);
    return true;
  }

  qualities() {
    const levels = this.#hls?.levels ?? [];
    const name = (id: number): string => {
      const level = levels[id];
      return level?.height ? `${level.height}p` : (level?.name ?? "");
    };
    const choices: Choice[] =
      levels.length > 1 ? levels.map((_level, id) => ({ id, label: name(id) })).reverse() : [];
    return {
      choices,
      chosen: this.#hls?.autoLevelEnabled === false ? this.#hls.currentLevel : -1,
      playing: name(this.#hls?.currentLevel ?? -1),
    };
  }

  chooseQuality(id: number): void {
    if (this.#hls) this.#hls.nextLevel = id;
  }

  captions() {
    const tracks = this.#hls?.subtitleTracks ?? [];
    return {
      choices: tracks.map((track, id) => ({ id, label: track.name || track.lang || String(id + 1) })),
      chosen: this.#hls?.subtitleDisplay ? this.#hls.subtitleTrack : -1,
    };
  }

  chooseCaptions(id: number): void {
    if (!this.#hls) return;
    this.#hls.subtitleDisplay = id >= 0;
    this.#hls.subtitleTrack = id;
    this.port.menus();
  }

  #updated(details: {
    edge: number;
    live: boolean;
    partList: unknown;
    targetduration: number;
    partTarget: number;
  }): void {
    if (details.edge > this.#edge.end_s + 0.001)
      this.#edge = { end_s: details.edge, at_ms: performance.now() };
    if (this.options.vod) return;
    this.#catchUp ??= catchUpFrom(this.#goal(details));
    this.port.menus();
  }

  #goal(details: { partList: unknown; targetduration: number }): number {
    return details.partList ? HEARD.goal_s : Math.max(1, details.targetduration * SEGMENT_SHARE);
  }

  /** One look of the catch-up; only while live and playing. */
  #look(): void {
    const { video } = this;
    const details = this.#hls?.latestLevelDetails;
    if (!this.#catchUp || !details || video.readyState < 1 || video.seeking) return;
    const now = performance.now();
    if (video.paused || !this.#live || now < this.#settleUntil) {
      if (video.paused || !this.#live) this.#forget();
      return;
    }
    const end_s = this.#bufferEnd_s();
    const base = this.#unheard ? UNHEARD : HEARD;
    const limits = { ...base, goal_s: this.#goal(details) };
    const look = {
      at_ms: now,
      end_s,
      ahead_s: Math.max(0, end_s - video.currentTime),
      stalled: video.readyState < 3,
    };
    const [state, advice] = catchUp(this.#catchUp, look, limits);
    this.#catchUp = state;
    if (advice.margin_s !== null) this.#margin_s = advice.margin_s;
    if (advice.jump_s !== null) {
      video.currentTime += advice.jump_s;
      this.#settleUntil = now + SETTLE_MS;
    }
    if (video.playbackRate !== advice.rate) video.playbackRate = advice.rate;
  }

  #forget(): void {
    if (this.#catchUp) this.#catchUp = { ...this.#catchUp, aheads: [] };
    this.#settleUntil = performance.now() + 500;
    if (this.video.playbackRate !== 1) this.video.playbackRate = 1;
  }

  /** End of the piece of buffer that is playing, s. */
  #bufferEnd_s(): number {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1)
      if (buffered.start(i) - 0.2 <= currentTime && currentTime <= buffered.end(i)) return buffered.end(i);
    return currentTime;
  }

  /** Where the playlist's end is by now, s. */
  #liveEnd_s(): number {
    const target = this.#hls?.latestLevelDetails?.targetduration ?? 1;
    const grown = (performance.now() - this.#edge.at_ms) / 1000;
    return this.#edge.end_s + Math.min(grown, target);
  }

  /** Behind the stage by the programme's own clock; behind the edge where the playlist has none. */
  #latency_ms(): number | null {
    const hls = this.#hls;
    if (!hls || this.options.vod) return null;
    const date = hls.playingDate;
    const behind = date ? this.options.now() - date.getTime() : hls.latency * 1000;
    return Number.isFinite(behind) && behind >= 0 && behind < 3_600_000 ? behind : null;
  }

  #error(data: ErrorData, types: typeof import("hls.js").ErrorTypes): void {
    const code = data.response?.code;
    if (code === 401 || code === 403) this.port.expired();
    if (!data.fatal || !this.#hls) return;
    // A stall is judged by who shows the picture. Mending would take away the last one that was painted.
    if (data.details === "bufferStalledError") return;
    const now = performance.now();
    this.#mends = [...this.#mends.filter((at) => now - at < MENDS_MS), now];
    const hls = this.#hls;
    // Without any playlist there is nothing to go on with.
    if (this.#mends.length > MENDS_MAX || !hls.latestLevelDetails) this.#over();
    else if (data.type === types.MEDIA_ERROR) hls.recoverMediaError();
    else if (data.type === types.NETWORK_ERROR)
      window.setTimeout(() => {
        if (this.#hls === hls) hls.startLoad();
      }, MEND_MS * this.#mends.length);
    else this.#over();
  }

  #over(): void {
    if (this.#stopped) return;
    // Told first: the last picture stays until another source or the slate is in front of it.
    this.port.left(false);
    this.stop();
  }
}
