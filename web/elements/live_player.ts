import { lobby, player as words } from "../../config/locales/en.json";
import { api, Refused } from "../lib/api";
import { fill, setText } from "../lib/dom";
import { hlsEngine } from "../lib/engines/choose";
import type { EnginePort } from "../lib/engines/engine";
import { feed, NOTHING, WebRtcEngine } from "../lib/engines/webrtc";
import { loadHls } from "../lib/hls_library";
import { loadLiveKit } from "../lib/livekit";
import { Loudness } from "../lib/loudness";
import { avatar } from "../lib/people";
import { PlayerBar } from "../lib/player_bar";
import { Recording } from "../lib/recording";
import { Running } from "../lib/running";
import { Screens, type Swap } from "../lib/screens";
import { MEDIA_BACKOFF, wait_ms } from "../models/backoff";
import { clockText, countdown } from "../models/countdown";
import { duration } from "../models/format";
import type { Delivery, Person, Stream } from "../models/live_state";
import { readerLocale } from "../models/moment";
import {
  type Admission,
  INITIAL,
  isShowing,
  type PlayerEffect,
  type PlayerEvent,
  type PlayerState,
  player,
  shownDelivery,
  shownState,
} from "../models/player";
import { newsDelay } from "../models/programme";
import type { ReceiveFigures } from "../models/receive_stats";
import { renewIn } from "../models/renewal";

const STATS_MS = 1_000;
/** Sound but no picture for this long counts as "camera off", before it may just be on its way. */
const PICTURE_LATE_MS = 3_000;
/** The old source stays behind the new one for this long: the way back. */
const KEEP_MS = 4_000;
/** A refused token is renewed no more often than this, ms. */
const RENEW_MS_MIN = 3_000;
const WATCHDOG_MS = 250;

/** Figures of what is on screen, each second while live. */
export interface PlayerFigures extends ReceiveFigures {
  delivery: Delivery | "";
  /** Behind the live end of what can be watched, because the viewer went back, s. */
  behind_s: number;
}
export type FiguresEvent = CustomEvent<PlayerFigures>;
export type DeliveryChangedEvent = CustomEvent<{ from: Delivery; to: Delivery; gapMs: number }>;

/**
 * The one element that shows a stream, or with a `src` a recording (lib/recording.ts). Its inside is rendered by the
 * server (partials/player.html); this class runs the reducer in models/player.ts and performs its effects. It holds up to
 * two sources, a socket-fed state and some timers, and lets go of all of them when it leaves the page.
 */
export class LivePlayer extends HTMLElement {
  #state: PlayerState = INITIAL;
  readonly #sources = new Map<number, Running>();
  #screens: Screens | null = null;
  #loudness: Loudness | null = null;
  #bar: PlayerBar | null = null;
  #recording: Recording | null = null;
  #pause = 0;
  #move = 0;
  #tick = 0;
  #watchdog = 0;
  #late = 0;
  #news = 0;
  #admission = 0;
  #startsAt: number | null = null;
  /** Server clock minus ours, ms. */
  #skew = 0;
  #userPaused = false;
  #latency_ms: number | null = null;

  connectedCallback(): void {
    if (this.hasAttribute("src")) {
      this.#recording = new Recording(this);
      return;
    }
    const main = this.#part("main") as HTMLVideoElement;
    const spare = this.#part("spare") as HTMLVideoElement;
    this.#state = INITIAL;
    this.#screens = new Screens([main, spare], (swap) => this.#swapped(swap));
    this.#loudness = new Loudness([main, spare, this.#inset, this.#sound]);
    this.#bar = new PlayerBar(this, {
      active: () => isShowing(this.#state),
      video: () => this.#main,
      engine: () => this.#shown?.engine ?? null,
      paused: () => this.#main.paused,
      togglePlay: () => this.#togglePlay(),
      muted: () => !this.#loudness?.wanted,
      setSound: (on) => this.#setSound(on),
      volume: () => this.#loudness?.volume ?? 1,
      setVolume: (volume) => this.#setVolume(volume),
      seek: (position_s) => this.#seek(position_s),
      toLive: () => this.#toLive(),
    });
    for (const video of [main, spare])
      for (const name of ["pause", "play"]) video.addEventListener(name, () => this.#bar?.show());
    this.#tick = window.setInterval(() => this.#everySecond(), STATS_MS);
    this.#watchdog = window.setInterval(() => this.#watchStalls(), WATCHDOG_MS);
    window.addEventListener("online", this.#online);
    if (this.dataset.gate === "refused") this.#state = { ...INITIAL, mode: "refused", refusal: "access" };
  }

  disconnectedCallback(): void {
    this.#recording?.end();
    this.#recording = null;
    for (const timer of [this.#tick, this.#watchdog]) window.clearInterval(timer);
    for (const timer of [this.#pause, this.#move, this.#late, this.#news]) window.clearTimeout(timer);
    this.#admission += 1;
    for (const id of [...this.#sources.keys()]) this.#stop(id);
    this.#bar?.end();
    this.#screens?.end();
    window.removeEventListener("online", this.#online);
  }

  /** The server's word on the stream, and on how it reaches this viewer. */
  hear(
    stream: Stream | null,
    startsAt: number | null,
    now: number,
    told: { delivery?: Delivery | null; within_ms?: number } = {},
  ): void {
    this.#skew = now - Date.now();
    this.#startsAt = startsAt;
    window.clearTimeout(this.#news);
    const act = (): void => {
      this.#dispatch({ type: "state", stream, now: this.#now(), ...told });
      this.#judgeCamera();
      this.#everySecond();
    };
    // HLS shows the stage as it was: what happened there is told with the picture of it.
    const late = this.#shown?.delivery === "hls" && isShowing(this.#state) ? this.#latency_ms : null;
    const delay_ms = newsDelay(this.#state.stream, stream, late);
    if (delay_ms > 0) this.#news = window.setTimeout(act, delay_ms);
    else act();
    // People wait in front of it: have the media library here before the show begins.
    if (this.#state.mode === "ended" || this.#state.mode === "refused") return;
    const library = this.#state.told === "hls" ? loadHls() : loadLiveKit();
    void library.catch(() => undefined);
  }

  /** This viewer is to move to the other delivery within a time. */
  move(delivery: Delivery, within_ms: number): void {
    this.#dispatch({ type: "told", delivery, within_ms, now: this.#now() });
  }

  /** Who else is here. */
  crowd(viewers: number, here: Person[]): void {
    setText(this.#part("viewers"), viewers.toLocaleString(readerLocale()));
    this.#part("viewers-badge").hidden = false;
    this.#part("faces").replaceChildren(...here.slice(0, 6).map(avatar));
    setText(
      this.#part("here"),
      viewers === 0
        ? lobby.nobody
        : viewers === 1
          ? lobby.one_here
          : fill(lobby.many_here, { count: viewers.toLocaleString(readerLocale()) }),
    );
  }

  /** Access ended or the experience is gone: stops for good. */
  refuse(why: "access" | "gone", reason = ""): void {
    this.#dispatch({ type: "refused", refusal: why, now: this.#now() });
    const detail = this.querySelector('[data-part="refused-detail"]');
    setText(detail, why === "gone" ? words.gone : reason || words.access_ended);
  }

  #dispatch(event: PlayerEvent): void {
    const before = this.#state;
    const [state, effects] = player(before, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (state.mode !== before.mode) this.#entered(before);
    this.#show();
  }

  #perform(effect: PlayerEffect): void {
    switch (effect.type) {
      case "admit":
        void this.#admit(effect.failed);
        return;
      case "start":
        void this.#start(effect);
        return;
      case "stop":
        this.#stop(effect.source);
        return;
      case "show":
        this.#putOnTop(effect.source);
        return;
      case "guard":
        this.#guard(effect.source);
        return;
      case "keep":
        this.#later(effect.source, "keep", KEEP_MS, { type: "keep_over", source: effect.source, now: 0 });
        return;
      case "watch_frames":
        this.#watchFrames(effect.source, effect.steady);
        return;
      case "pause":
        window.clearTimeout(this.#pause);
        this.#pause = window.setTimeout(
          () => this.#dispatch({ type: "pause_over", now: this.#now() }),
          wait_ms(effect.attempt, Math.random(), MEDIA_BACKOFF),
        );
        return;
      case "end_pause":
        window.clearTimeout(this.#pause);
        return;
      case "move_later":
        window.clearTimeout(this.#move);
        void (this.#state.told === "hls" ? loadHls() : loadLiveKit()).catch(() => undefined);
        this.#move = window.setTimeout(
          () => this.#dispatch({ type: "move_due", now: this.#now() }),
          Math.random() * Math.max(0, effect.within_ms),
        );
        return;
      case "end_move":
        window.clearTimeout(this.#move);
        return;
      case "renew_later": {
        const wait = renewIn(effect.expires_at, this.#now(), Math.random(), effect.failed);
        this.#later(effect.source, "renewal", wait, { type: "renew_due", source: effect.source, now: 0 });
        return;
      }
      case "ask_renewal":
        void this.#askRenewal(effect.source);
        return;
      case "renew": {
        const { source, url, expires_at } = effect;
        const taken = this.#sources.get(source)?.engine?.renew(url) ?? true;
        if (!taken) this.#dispatch({ type: "replace", source, url, expires_at, now: this.#now() });
        return;
      }
    }
  }

  async #admit(failed: Delivery | null): Promise<void> {
    const turn = ++this.#admission;
    try {
      const admission = await this.#ask(failed);
      if (turn === this.#admission) this.#dispatch({ type: "admitted", admission, now: this.#now() });
    } catch (error) {
      const code = error instanceof Refused ? error.code : "unreachable";
      if (turn === this.#admission) this.#dispatch({ type: "admission_failed", code, now: this.#now() });
    }
  }

  async #askRenewal(source: number): Promise<void> {
    const running = this.#sources.get(source);
    if (running) running.asked_ms = performance.now();
    try {
      const admission = await this.#ask(null);
      this.#dispatch({ type: "renewed", source, admission, now: this.#now() });
    } catch (error) {
      const code = error instanceof Refused ? error.code : "unreachable";
      this.#dispatch({ type: "renewal_failed", source, code, now: this.#now() });
    }
  }

  #ask(failed: Delivery | null): Promise<Admission> {
    const path = `/api/v1/experiences/${encodeURIComponent(this.dataset.experienceId ?? "")}/admission`;
    const watching = this.dataset.delivery;
    return api<Admission>("POST", path, { ...(watching && { watching }), ...(failed && { failed }) });
  }

  async #start(effect: Extract<PlayerEffect, { type: "start" }>): Promise<void> {
    const { source: id, delivery, url, token } = effect;
    const screen = this.#screens?.take(id);
    if (!screen) return;
    const running = new Running(id, delivery, screen);
    this.#sources.set(id, running);
    const tell = (event: PlayerEvent): void => {
      if (!running.stopped) this.#dispatch(event);
    };
    const port: EnginePort = {
      joined: () => {
        tell({ type: "joined", source: id, now: this.#now() });
        this.#judgeCamera();
      },
      left: (stage) => tell({ type: "left", source: id, stage, now: this.#now() }),
      picture: (picture) => {
        if (running.stopped) return;
        running.picture = picture;
        this.#judgeCamera();
        this.#show();
      },
      menus: () => {
        if (!running.stopped && this.#state.shown === id) this.#bar?.menus();
      },
      expired: () => {
        // Every request is refused now: one question is enough, and a token that does not help is not asked for at once again.
        if (performance.now() - running.asked_ms < RENEW_MS_MIN) return;
        window.clearTimeout(running.renewal);
        tell({ type: "renew_due", source: id, now: this.#now() });
      },
    };
    const { video } = screen;
    video.muted = true;
    try {
      if (delivery === "hls") {
        video.srcObject = null;
        const engine = await hlsEngine(video, url, { vod: false, start_s: 0, now: () => this.#now() }, port);
        if (running.stopped) return;
        running.engine = engine;
      } else {
        running.engine = new WebRtcEngine(
          { video, inset: this.#inset, sound: this.#sound },
          url,
          token,
          port,
        );
      }
      // In front from the beginning: the first picture is news.
      if (this.#state.front?.id === id) this.#watchFrames(id, false);
      await running.engine.start();
    } catch {
      tell({ type: "left", source: id, stage: false, now: this.#now() });
    }
  }

  #stop(id: number): void {
    const running = this.#sources.get(id);
    if (!running) return;
    this.#sources.delete(id);
    const { screen } = running;
    running.stop();
    // A last WebRTC picture stays under the slate; below another one it is of no use.
    if (screen === this.#screens?.spare) {
      feed(screen.video, []);
      screen.video.muted = true;
    }
    if (running.delivery === "webrtc") for (const media of [this.#inset, this.#sound]) feed(media, []);
  }

  #later(id: number, timer: "renewal" | "keep", wait: number, event: PlayerEvent): void {
    const running = this.#sources.get(id);
    if (!running) return;
    window.clearTimeout(running[timer]);
    running[timer] = window.setTimeout(() => this.#dispatch({ ...event, now: this.#now() }), wait);
  }

  /** Picture and sound change hands in one frame. */
  #putOnTop(id: number): void {
    const before = this.#screens?.main.source ?? null;
    this.#screens?.show(id);
    this.#applySound(id);
    for (const running of this.#sources.values()) running.engine?.shown(running.id === id);
    const pip = document.pictureInPictureElement;
    if (pip && pip !== this.#main && before !== null && pip === this.#screens?.spare.video)
      void this.#main.requestPictureInPicture().catch(() => undefined);
    this.#sources.get(id)?.touch();
    // Who has paused wants no picture to run away, whichever it is.
    if (this.#userPaused) this.#main.pause();
    this.#judgeCamera();
  }

  /** From the screens: which picture followed which, and how long nothing new was seen between them. */
  #swapped(swap: Swap): void {
    const to = this.#sources.get(swap.to)?.delivery;
    const from = this.#delivered;
    if (to) this.#delivered = to;
    if (!from || !to || from === to || swap.gap_ms === null) return;
    const detail = { from, to, gapMs: Math.round(swap.gap_ms) };
    // After this step: whoever listens finds the element's attributes true.
    queueMicrotask(() => {
      this.dispatchEvent(
        new CustomEvent("delivery-changed", { detail, bubbles: true }) satisfies DeliveryChangedEvent,
      );
    });
  }
  #delivered: Delivery | undefined;

  #guard(id: number): void {
    this.#sources
      .get(id)
      ?.guard((verdict) => this.#dispatch({ type: verdict, source: id, now: this.#now() }));
  }

  #watchFrames(id: number, steady: boolean): void {
    this.#sources
      .get(id)
      ?.watchFrames(steady, () => this.#dispatch({ type: "frames", source: id, now: this.#now() }));
  }

  /** HLS in front that shows nothing new is told of as stalled, again and again while it lasts. */
  #watchStalls(): void {
    const front = this.#state.front;
    const running = front?.delivery === "hls" ? this.#sources.get(front.id) : undefined;
    const resting = this.#userPaused && running?.screen.video.paused === true;
    if (running?.stalled(resting, this.#state.rewound))
      this.#dispatch({ type: "stalled", source: running.id, now: this.#now() });
  }

  /** Decides whether the missing picture is meant: then sound alone counts as live. */
  #judgeCamera(): void {
    window.clearTimeout(this.#late);
    const rtc = [...this.#sources.values()].find((one) => one.delivery === "webrtc");
    const inFront = rtc !== undefined && rtc.id === (this.#state.shown ?? this.#state.front?.id);
    const p = rtc?.picture ?? NOTHING;
    this.dataset.layout = inFront && p.screen ? "screen" : "camera";
    const off = rtc !== undefined && !p.screen && p.camera !== null && p.cameraMuted;
    this.dataset.camera = off && inFront ? "off" : "on";
    if (this.#state.stream?.phase !== "live" || !rtc) return;
    if (off) this.#noPicture(rtc);
    else if (!p.screen && !p.camera && p.sounds.length > 0)
      this.#late = window.setTimeout(() => {
        if (rtc.stopped || rtc.picture.camera || rtc.picture.screen) return;
        if (rtc.id === (this.#state.shown ?? this.#state.front?.id)) this.dataset.camera = "off";
        this.#noPicture(rtc);
      }, PICTURE_LATE_MS);
  }

  #noPicture(rtc: Running): void {
    if (rtc.guarded) {
      rtc.watchFrames(true, () => undefined);
      this.#dispatch({ type: "ready", source: rtc.id, now: this.#now() });
    } else this.#dispatch({ type: "frames", source: rtc.id, now: this.#now() });
  }

  #entered(before: PlayerState): void {
    const { mode } = this.#state;
    if (isShowing(this.#state) && !isShowing(before)) {
      if (before.mode !== "slate") this.#announce(words.now_live);
      this.#userPaused = false;
      void this.#play();
    }
    if (mode === "slate") this.#announce(this.#slateTitle());
    if (mode === "ended") this.#announce(words.ended);
    if (mode === "ended" || mode === "idle" || mode === "refused") {
      this.#delivered = undefined;
      for (const media of [this.#main, this.#spare, this.#inset, this.#sound]) feed(media, []);
      if (document.pictureInPictureElement === this.#main)
        void document.exitPictureInPicture().catch(() => undefined);
    }
    if (mode === "refused") this.dataset.gate = "refused";
  }

  /** Writes the state where CSS and people read it. */
  #show(): void {
    const shown = shownState(this.#state);
    if (this.dataset.state !== shown) this.dataset.state = shown;
    const delivery = shownDelivery(this.#state);
    if (this.dataset.delivery !== delivery) this.dataset.delivery = delivery;
    this.dataset.switching = String(this.#state.mode === "switching");
    if (this.#state.shown === null) {
      this.#latency_ms = null;
      delete this.dataset.latencyMs;
    }
    setText(this.#part("reconnecting-title"), this.#slateTitle());
    setText(
      this.#part("connecting-title"),
      this.#state.stream?.phase === "live" ? words.joining : words.connecting,
    );
    setText(this.#part("connecting-detail"), this.#state.attempt > 2 ? words.slow : "");
    this.#bar?.show();
    if (shown === "ended") this.#showEnd();
  }

  #slateTitle(): string {
    const { lost } = this.#state;
    return lost === "own" ? words.own_link : lost === "source" ? words.source_lost : words.reconnecting;
  }

  #showEnd(): void {
    const stream = this.#state.stream;
    const thanks = stream?.end_cause === "grace_over" ? words.ended_grace : words.ended_detail;
    const lasted =
      stream?.live_since && stream.ended_at
        ? ` ${fill(words.lasted, { time: duration(stream.ended_at - stream.live_since) })}`
        : "";
    setText(this.#part("ended-detail"), thanks + lasted);
  }

  #everySecond(): void {
    const state = shownState(this.#state);
    if (state === "lobby") this.#showCountdown();
    if (state === "reconnecting")
      setText(this.#part("waited"), duration(this.#now() - this.#state.slateSince));
    if (state === "live") {
      void this.#figures();
      this.#bar?.line();
    }
  }

  #showCountdown(): void {
    const left = countdown(this.#startsAt, this.#now());
    const clock = this.#part("countdown");
    clock.hidden = left.kind !== "left";
    setText(clock, clockText(left));
    const open = this.#state.stream?.phase === "lobby" ? lobby.open : lobby.soon;
    setText(
      this.#part("countdown-label"),
      left.kind === "left" ? lobby.starts_in : left.kind === "soon" ? lobby.starting_soon : open,
    );
  }

  async #figures(): Promise<void> {
    const running = this.#shown;
    const figures = await running?.engine?.figures();
    if (!running || running !== this.#shown || !figures) return;
    this.#latency_ms = figures.delay_ms;
    if (figures.delay_ms !== null) this.dataset.latencyMs = String(Math.round(figures.delay_ms));
    const line = running.engine?.timeline();
    const behind_s = line && this.#state.rewound ? line.end_s - line.position_s : 0;
    const detail: PlayerFigures = { ...figures, delivery: running.delivery, behind_s };
    this.dispatchEvent(new CustomEvent("figures", { detail }) satisfies FiguresEvent);
  }

  /** Sound was asked for once: it plays after every return and every swap. Without that it stays muted until a click. */
  #applySound(id: number | null): void {
    const running = id === null ? null : (this.#sources.get(id) ?? null);
    this.#loudness?.apply(running?.engine?.output() ?? null);
  }

  async #play(): Promise<void> {
    this.#applySound(this.#state.shown);
    const outputs = new Set<HTMLMediaElement>([this.#main]);
    if (this.#shown?.delivery === "webrtc") outputs.add(this.#sound);
    for (const media of outputs)
      await media.play().catch(() => {
        // The browser wants a click before it makes a sound: go on without.
        if (media.muted || !media.isConnected) return;
        if (this.#loudness) this.#loudness.wanted = false;
        media.muted = true;
        void media.play().catch(() => undefined);
      });
    this.#bar?.show();
  }

  #setSound(on: boolean): void {
    if (!this.#loudness) return;
    this.#loudness.wanted = on;
    if (on && this.#loudness.volume === 0) this.#loudness.volume = 1;
    this.#applySound(this.#state.shown);
    if (on && !this.#userPaused) void this.#play();
    this.#bar?.show();
  }

  #setVolume(volume: number): void {
    if (!this.#loudness) return;
    this.#loudness.volume = Math.min(1, Math.max(0, volume));
    this.#loudness.wanted = true;
    this.#applySound(this.#state.shown);
    this.#bar?.show();
  }

  #togglePlay(): void {
    if (!isShowing(this.#state)) return;
    this.#userPaused = !this.#main.paused;
    if (this.#main.paused) {
      void this.#play();
      void this.#inset.play().catch(() => undefined);
      this.#lookBack();
    } else {
      this.#main.pause();
      this.#sound.pause();
    }
    this.#bar?.show();
  }

  #seek(position_s: number): void {
    const running = this.#shown;
    if (!running?.engine) return;
    running.engine.seek(position_s);
    running.touch();
    this.#lookBack();
    this.#bar?.line();
  }

  #toLive(): void {
    this.#shown?.engine?.toLive();
    this.#userPaused = false;
    this.#lookBack();
    this.#bar?.show();
  }

  /** Whether the viewer is in the past now. */
  #lookBack(): void {
    const engine = this.#shown?.engine;
    const line = engine?.timeline();
    const on = Boolean(engine && line?.live && line.end_s - line.position_s > engine.edge_s() + 5);
    if (on !== this.#state.rewound) this.#dispatch({ type: "rewound", on, now: this.#now() });
  }

  readonly #online = (): void => this.#dispatch({ type: "online", now: this.#now() });

  #announce(text: string): void {
    setText(this.#part("announce"), text);
  }

  #now(): number {
    return Date.now() + this.#skew;
  }

  get #shown(): Running | undefined {
    return this.#state.shown === null ? undefined : this.#sources.get(this.#state.shown);
  }

  #part(name: string): HTMLElement {
    const element = this.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (!element) throw new Error(`live-player: no part "${name}"`);
    return element;
  }

  get #main(): HTMLVideoElement {
    return this.#part("main") as HTMLVideoElement;
  }

  get #spare(): HTMLVideoElement {
    return this.#part("spare") as HTMLVideoElement;
  }

  get #inset(): HTMLVideoElement {
    return this.#part("inset") as HTMLVideoElement;
  }

  get #sound(): HTMLAudioElement {
    return this.#part("audio") as HTMLAudioElement;
  }
}

/** The word for the delivery in the details panel. */
export const deliveryWords: Record<string, string> = { webrtc: words.webrtc, hls: words.hls };

customElements.define("live-player", LivePlayer);
