import { lobby, player as words } from "../../config/locales/en.json";
import { api, Refused } from "../lib/api";
import { fill, setIcon, setText } from "../lib/dom";
import { loadLiveKit } from "../lib/livekit";
import { avatar } from "../lib/people";
import { type Picture, WatchRoom } from "../lib/watch_room";
import { MEDIA_BACKOFF, wait_ms } from "../models/backoff";
import { clockText, countdown } from "../models/countdown";
import { duration } from "../models/format";
import type { Person, Stream } from "../models/live_state";
import {
  type Admission,
  INITIAL,
  type PlayerEffect,
  type PlayerEvent,
  type PlayerState,
  player,
  shownState,
} from "../models/player";
import { type ReceiveFigures, type ReceiveSample, receiveFigures } from "../models/receive_stats";

const STATS_MS = 1_000;
/** Controls fade after this long without a move. */
const IDLE_MS = 3_000;
/** Sound but no picture for this long counts as "camera off", before it may just be on its way. */
const PICTURE_LATE_MS = 3_000;
const VOLUME_STEP = 0.1;
/** Frames count as flowing after this long, ms, without a gap longer than the other. */
const STEADY_MS = 700;
const STEADY_GAP_MS = 300;

/** Tells of `figures` (details panel), each second while live. */
export type FiguresEvent = CustomEvent<ReceiveFigures>;

/**
 * The one element that shows a stream. Its inside is rendered by the server (partials/player.html); this class runs
 * the reducer in models/player.ts and performs its effects. It holds a room, a socket-fed state, two timers and
 * nothing else, and lets go of all of them when it leaves the page.
 */
export class LivePlayer extends HTMLElement {
  #state: PlayerState = INITIAL;
  #room: WatchRoom | null = null;
  #pause = 0;
  #tick = 0;
  #idle = 0;
  #late = 0;
  #frameWatch = 0;
  #admission = 0;
  #sample: ReceiveSample | null = null;
  #startsAt: number | null = null;
  /** Server clock minus ours, ms. */
  #skew = 0;
  #wantsSound = false;
  #picture: Picture = { camera: null, screen: null, sounds: [], cameraMuted: false };

  connectedCallback(): void {
    this.#main.muted = true;
    this.#inset.muted = true;
    this.#sound.muted = true;
    this.#bind();
    this.#tick = window.setInterval(() => this.#everySecond(), STATS_MS);
    if (this.dataset.gate === "refused") this.#state = { ...INITIAL, mode: "refused", refusal: "access" };
  }

  disconnectedCallback(): void {
    window.clearInterval(this.#tick);
    window.clearTimeout(this.#idle);
    this.#perform({ type: "leave" });
    this.#perform({ type: "end_pause" });
    window.removeEventListener("online", this.#online);
    document.removeEventListener("keydown", this.#key);
    document.removeEventListener("fullscreenchange", this.#fullscreenChanged);
  }

  /** The server's word on the stream. */
  hear(stream: Stream | null, startsAt: number | null, now: number): void {
    this.#skew = now - Date.now();
    this.#startsAt = startsAt;
    this.#dispatch({ type: "state", stream, now });
    this.#judgeCamera();
    this.#everySecond();
    // People wait in front of it: have the media library here before the show begins.
    if (this.#state.mode !== "ended" && this.#state.mode !== "refused")
      void loadLiveKit().catch(() => undefined);
  }

  /** Who else is here. */
  crowd(viewers: number, here: Person[]): void {
    setText(this.#part("viewers"), viewers.toLocaleString());
    this.#part("viewers-badge").hidden = false;
    this.#part("faces").replaceChildren(...here.slice(0, 6).map(avatar));
    setText(
      this.#part("here"),
      viewers === 0
        ? lobby.nobody
        : viewers === 1
          ? lobby.one_here
          : fill(lobby.many_here, { count: viewers.toLocaleString() }),
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
    if (state.mode !== before.mode) this.#entered(before.mode);
    this.#show();
  }

  #perform(effect: PlayerEffect): void {
    switch (effect.type) {
      case "admit":
        void this.#admit();
        return;
      case "join":
        void this.#join(effect.url, effect.token);
        return;
      case "leave":
        this.#admission += 1;
        this.#letGo();
        return;
      case "pause":
        this.#letGo();
        this.#pause = window.setTimeout(
          () => this.#dispatch({ type: "pause_over", now: this.#now() }),
          wait_ms(effect.attempt, Math.random(), MEDIA_BACKOFF),
        );
        return;
      case "end_pause":
        window.clearTimeout(this.#pause);
        return;
      case "watch_frames":
        this.#watchFrames(effect.steady);
        return;
    }
  }

  async #admit(): Promise<void> {
    const turn = ++this.#admission;
    try {
      const path = `/api/v1/experiences/${encodeURIComponent(this.dataset.experienceId ?? "")}/admission`;
      const [admission] = await Promise.all([api<Admission>("POST", path), loadLiveKit()]);
      if (turn === this.#admission) this.#dispatch({ type: "admitted", admission, now: this.#now() });
    } catch (error) {
      const code = error instanceof Refused ? error.code : "unreachable";
      if (turn === this.#admission) this.#dispatch({ type: "admission_failed", code, now: this.#now() });
    }
  }

  async #join(url: string, token: string): Promise<void> {
    this.#letGo();
    const room = new WatchRoom({
      picture: (picture) => {
        if (room === this.#room) this.#attach(picture);
      },
      left: (stage) => {
        if (room === this.#room) this.#dispatch({ type: "left", stage, now: this.#now() });
      },
    });
    this.#room = room;
    this.dataset.delivery = "webrtc";
    this.#watchFrames(false);
    try {
      await room.join(url, token);
      if (room === this.#room) this.#dispatch({ type: "joined", now: this.#now() });
    } catch {
      if (room === this.#room) this.#dispatch({ type: "left", stage: false, now: this.#now() });
    }
    if (room === this.#room) this.#judgeCamera();
  }

  /** Closes the room but keeps the last frame on screen under the slate. */
  #letGo(): void {
    window.clearTimeout(this.#late);
    this.#room?.leave();
    this.#room = null;
    this.#sample = null;
    this.dataset.delivery = "";
  }

  #attach(picture: Picture): void {
    this.#picture = picture;
    const big = picture.screen ?? picture.camera;
    const small = picture.screen ? picture.camera : null;
    this.dataset.layout = picture.screen ? "screen" : "camera";
    const fresh = big !== null && feed(this.#main, [big]);
    feed(this.#inset, small && !picture.cameraMuted ? [small] : []);
    feed(this.#sound, picture.sounds);
    this.#judgeCamera();
    if (fresh) this.#watchFrames(false);
  }

  /** Decides whether the missing picture is meant: then sound alone counts as live. */
  #judgeCamera(): void {
    window.clearTimeout(this.#late);
    const p = this.#picture;
    const off = this.#room !== null && !p.screen && p.camera !== null && p.cameraMuted;
    this.dataset.camera = off ? "off" : "on";
    const live = this.#state.stream?.phase === "live";
    if (off && live) this.#dispatch({ type: "frames", now: this.#now() });
    const soundOnly = this.#room !== null && !p.screen && !p.camera && p.sounds.length > 0;
    if (soundOnly && live)
      this.#late = window.setTimeout(() => {
        if (this.#picture.camera || this.#picture.screen) return;
        this.dataset.camera = "off";
        this.#dispatch({ type: "frames", now: this.#now() });
      }, PICTURE_LATE_MS);
  }

  /** Reports the next frame that is really painted; steady: the first that comes after frames have flowed for a while. */
  #watchFrames(steady: boolean): void {
    const video = this.#main;
    const began = performance.now();
    let last = began;
    const look = (): void => {
      const now = performance.now();
      const flows = now - began > STEADY_MS && now - last < STEADY_GAP_MS;
      last = now;
      if (steady && !flows) this.#frameWatch = video.requestVideoFrameCallback(look);
      else if (this.#room) this.#dispatch({ type: "frames", now: this.#now() });
    };
    video.cancelVideoFrameCallback(this.#frameWatch);
    this.#frameWatch = video.requestVideoFrameCallback(look);
  }

  #entered(before: PlayerState["mode"]): void {
    const { mode } = this.#state;
    if (mode === "realtime") {
      if (before !== "slate") this.#announce(words.now_live);
      void this.#playSound();
    }
    if (mode === "slate") this.#announce(words.reconnecting);
    if (mode === "ended") this.#announce(words.ended);
    if (mode === "ended" || mode === "idle" || mode === "refused") {
      this.#picture = { camera: null, screen: null, sounds: [], cameraMuted: false };
      for (const media of [this.#main, this.#inset, this.#sound]) feed(media, []);
      if (document.pictureInPictureElement === this.#main)
        void document.exitPictureInPicture().catch(() => undefined);
    }
    if (mode === "refused") this.dataset.gate = "refused";
  }

  /** Writes the state where CSS and people read it. */
  #show(): void {
    const shown = shownState(this.#state);
    if (this.dataset.state !== shown) this.dataset.state = shown;
    const own = this.#state.lost === "own";
    setText(this.#part("reconnecting-title"), own ? words.own_link : words.reconnecting);
    setText(
      this.#part("connecting-title"),
      this.#state.stream?.phase === "live" ? words.joining : words.connecting,
    );
    setText(this.#part("connecting-detail"), this.#state.attempt > 2 ? words.slow : "");
    const muted = this.#sound.muted || this.#sound.volume === 0;
    this.#part("unmute").hidden = !this.#sound.muted;
    const mute = this.#part("mute");
    mute.setAttribute("aria-label", muted ? words.unmute : words.mute);
    setIcon(mute, muted ? "speaker-off" : "speaker");
    const play = this.#part("play");
    play.setAttribute("aria-label", this.#main.paused ? words.play : words.pause);
    setIcon(play, this.#main.paused ? "play" : "pause");
    if (shown === "ended") this.#showEnd();
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
    if (state === "live") void this.#figures();
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
    const entries = (await this.#room?.stats().catch(() => [])) ?? [];
    if (!this.#room) return;
    const [figures, sample] = receiveFigures(entries, performance.now(), this.#sample);
    this.#sample = sample;
    this.dispatchEvent(new CustomEvent("figures", { detail: figures }) satisfies FiguresEvent);
  }

  /** Sound was asked for once: it plays after every return. Without that it stays muted until a click. */
  async #playSound(): Promise<void> {
    this.#sound.muted = !this.#wantsSound;
    await this.#main.play().catch(() => undefined);
    await this.#sound.play().catch(() => {
      this.#sound.muted = true;
    });
    this.#show();
  }

  #setSound(on: boolean): void {
    this.#wantsSound = on;
    this.#sound.muted = !on;
    if (on && this.#sound.volume === 0) this.#setVolume(1);
    if (on) void this.#playSound();
    this.#show();
  }

  #setVolume(volume: number): void {
    const value = Math.min(1, Math.max(0, volume));
    this.#sound.volume = value;
    (this.#part("volume") as HTMLInputElement).value = String(value);
    this.#show();
  }

  #togglePlay(): void {
    if (this.#state.mode !== "realtime") return;
    if (this.#main.paused) {
      void this.#playSound();
      void this.#inset.play().catch(() => undefined);
    } else {
      this.#main.pause();
      this.#sound.pause();
    }
    this.#show();
  }

  async #toggleFullscreen(): Promise<void> {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (this.requestFullscreen) await this.requestFullscreen();
    else (this.#main as HTMLVideoElement & { webkitEnterFullscreen?: () => void }).webkitEnterFullscreen?.();
  }

  async #togglePip(): Promise<void> {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await this.#main.requestPictureInPicture();
  }

  #bind(): void {
    const press = (part: string, act: () => void): void =>
      this.#part(part).addEventListener("click", (event) => {
        event.stopPropagation();
        act();
      });
    press("unmute", () => this.#setSound(true));
    press("mute", () => this.#setSound(this.#sound.muted || this.#sound.volume === 0));
    press("play", () => this.#togglePlay());
    press("fullscreen", () => void this.#toggleFullscreen().catch(() => undefined));
    press("pip", () => void this.#togglePip().catch(() => undefined));
    this.#part("pip").hidden = !document.pictureInPictureEnabled;
    this.#part("volume").addEventListener("input", (event) => {
      this.#wantsSound = true;
      this.#sound.muted = false;
      this.#setVolume(Number((event.target as HTMLInputElement).value));
    });
    const awake = (): void => this.#awake();
    this.addEventListener("pointermove", awake);
    this.addEventListener("pointerdown", awake);
    this.addEventListener("focusin", awake);
    this.addEventListener("dblclick", () => void this.#toggleFullscreen().catch(() => undefined));
    this.#main.addEventListener("pause", () => this.#show());
    this.#main.addEventListener("play", () => this.#show());
    window.addEventListener("online", this.#online);
    document.addEventListener("keydown", this.#key);
    document.addEventListener("fullscreenchange", this.#fullscreenChanged);
  }

  #awake(): void {
    this.dataset.idle = "false";
    window.clearTimeout(this.#idle);
    this.#idle = window.setTimeout(() => {
      this.dataset.idle = String(this.#state.mode === "realtime" && !this.#main.paused);
    }, IDLE_MS);
  }

  readonly #online = (): void => this.#dispatch({ type: "online", now: this.#now() });

  readonly #fullscreenChanged = (): void => {
    const full = document.fullscreenElement === this;
    this.#part("fullscreen").setAttribute("aria-label", full ? words.fullscreen_exit : words.fullscreen);
    setIcon(this.#part("fullscreen"), full ? "fullscreen-exit" : "fullscreen");
  };

  /** Keys work anywhere on the page, except where they already mean something. */
  readonly #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#state.mode !== "realtime") return;
    const target = event.target as HTMLElement;
    if (target.closest("input:not([type=range]), textarea, select, [contenteditable], dialog, [role=tab]"))
      return;
    if (event.key === " " && target.closest("button, a, summary")) return;
    const actions: Record<string, () => void> = {
      " ": () => this.#togglePlay(),
      k: () => this.#togglePlay(),
      m: () => this.#setSound(this.#sound.muted),
      f: () => void this.#toggleFullscreen().catch(() => undefined),
      ArrowUp: () => this.#setVolume(this.#sound.volume + VOLUME_STEP),
      ArrowDown: () => this.#setVolume(this.#sound.volume - VOLUME_STEP),
    };
    // Arrows scroll the page unless the player or nothing has the focus.
    if (event.key.startsWith("Arrow") && target !== document.body && !this.contains(target)) return;
    const act = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
    this.#awake();
  };

  #announce(text: string): void {
    setText(this.#part("announce"), text);
  }

  #now(): number {
    return Date.now() + this.#skew;
  }

  #part(name: string): HTMLElement {
    const element = this.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (!element) throw new Error(`live-player: no part "${name}"`);
    return element;
  }

  get #main(): HTMLVideoElement {
    return this.#part("main") as HTMLVideoElement;
  }

  get #inset(): HTMLVideoElement {
    return this.#part("inset") as HTMLVideoElement;
  }

  get #sound(): HTMLAudioElement {
    return this.#part("audio") as HTMLAudioElement;
  }
}

/** Gives an element exactly these tracks; leaves it alone (false) when it has them already, so that nothing flickers. */
function feed(media: HTMLMediaElement, tracks: MediaStreamTrack[]): boolean {
  const now = media.srcObject instanceof MediaStream ? media.srcObject.getTracks() : [];
  if (now.length === tracks.length && tracks.every((track) => now.includes(track))) return false;
  media.srcObject = tracks.length ? new MediaStream(tracks) : null;
  if (tracks.length) void media.play().catch(() => undefined);
  return true;
}

/** The word for the delivery in the details panel. */
export const deliveryWords: Record<string, string> = { webrtc: words.webrtc };

customElements.define("live-player", LivePlayer);
