import { player as words } from "../../config/locales/en.json";
import { behindClock, scrubber, spoken } from "../models/dvr";
import { duration } from "../models/format";
import { el, fill, setIcon, setText } from "./dom";
import type { Engine } from "./engines/engine";

/** Controls fade after this long without a move, ms. */
const IDLE_MS = 3_000;
const VOLUME_STEP = 0.1;
const SEEK_STEP_S = 5;

export interface BarPort {
  /** Keys and controls do something now. */
  active(): boolean;
  /** The video on screen. */
  video(): HTMLVideoElement;
  engine(): Engine | null;
  paused(): boolean;
  togglePlay(): void;
  muted(): boolean;
  setSound(on: boolean): void;
  volume(): number;
  setVolume(volume: number): void;
  seek(position_s: number): void;
  toLive(): void;
}

/** Buttons, slider, menus and keys of the player; the same ones for a show and for a recording. */
export class PlayerBar {
  #idle = 0;
  /** A finger or the keyboard holds the slider: it is not moved under it. */
  #held = 0;
  readonly #on = new AbortController();

  constructor(
    private readonly root: HTMLElement,
    private readonly port: BarPort,
  ) {
    const { signal } = this.#on;
    const press = (part: string, act: () => void): void =>
      this.#part(part).addEventListener(
        "click",
        (event) => {
          event.stopPropagation();
          act();
        },
        { signal },
      );
    press("unmute", () => port.setSound(true));
    press("mute", () => port.setSound(port.muted()));
    press("play", () => port.togglePlay());
    press("live", () => port.toLive());
    press("captions", () => this.#toggleCaptions());
    press("fullscreen", () => this.#fullscreen());
    press("pip", () => void this.#togglePip().catch(() => undefined));
    this.#part("pip").hidden = !document.pictureInPictureEnabled;
    this.#part("volume").addEventListener("input", (event) => port.setVolume(numberIn(event)), { signal });
    const seek = this.#part("seek");
    seek.addEventListener("input", (event) => this.#seekInput(numberIn(event)), { signal });
    seek.addEventListener("change", (event) => this.#seekTo(numberIn(event)), { signal });
    const quality = this.#part("quality");
    quality.addEventListener("change", (event) => port.engine()?.chooseQuality(numberIn(event)), { signal });
    for (const move of ["pointermove", "pointerdown", "focusin"])
      root.addEventListener(move, () => this.awake(), { signal });
    root.addEventListener(
      "dblclick",
      (event) => {
        if (!(event.target as Element).closest(".player__bar")) this.#fullscreen();
      },
      { signal },
    );
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    document.addEventListener("fullscreenchange", () => this.#fullscreenChanged(), { signal });
  }

  end(): void {
    window.clearTimeout(this.#idle);
    this.#on.abort();
  }

  awake(): void {
    this.root.dataset.idle = "false";
    window.clearTimeout(this.#idle);
    this.#idle = window.setTimeout(() => {
      const open = this.root.querySelector("select:focus") !== null;
      this.root.dataset.idle = String(this.port.active() && !this.port.paused() && !open);
    }, IDLE_MS);
  }

  /** What the buttons say. */
  show(): void {
    const { port } = this;
    const muted = port.muted() || port.volume() === 0;
    this.#part("unmute").hidden = !port.muted();
    const mute = this.#part("mute");
    mute.setAttribute("aria-label", muted ? words.unmute : words.mute);
    setIcon(mute, muted ? "speaker-off" : "speaker");
    (this.#part("volume") as HTMLInputElement).value = String(port.volume());
    const play = this.#part("play");
    play.setAttribute("aria-label", port.paused() ? words.play : words.pause);
    setIcon(play, port.paused() ? "play" : "pause");
    this.menus();
    this.line();
  }

  /** Qualities and captions, as the engine has them now. */
  menus(): void {
    const engine = this.port.engine();
    const { choices, chosen, playing } = engine?.qualities() ?? { choices: [], chosen: -1, playing: "" };
    const select = this.#part("quality") as HTMLSelectElement;
    const auto = playing ? fill(words.quality_auto_now, { quality: playing }) : words.quality_auto;
    const wanted = choices.length ? [{ id: -1, label: auto }, ...choices] : [];
    const now = [...select.options].map((one) => `${one.value} ${one.text}`).join();
    if (now !== wanted.map((one) => `${one.id} ${one.label}`).join())
      select.replaceChildren(
        ...wanted.map((one) => {
          const option = el("option", "", one.label);
          option.value = String(one.id);
          return option;
        }),
      );
    select.value = String(chosen);
    this.#part("quality-box").hidden = choices.length === 0;
    const captions = engine?.captions() ?? { choices: [], chosen: -1 };
    const toggle = this.#part("captions");
    toggle.hidden = captions.choices.length === 0;
    toggle.setAttribute("aria-pressed", String(captions.chosen >= 0));
  }

  /** The slider and what is said beside it. */
  line(): void {
    const engine = this.port.engine();
    const timeline = engine?.timeline() ?? null;
    const at = scrubber(timeline, engine?.edge_s() ?? 0);
    const live = timeline?.live ?? true;
    this.root.dataset.dvr = String(at.shown);
    this.root.dataset.behind = String(at.behind_s > 0);
    const seek = this.#part("seek") as HTMLInputElement;
    if (performance.now() > this.#held) {
      seek.max = at.max.toFixed(1);
      seek.value = at.value.toFixed(1);
      this.#say(seek, at.max, at.behind_s, live);
    }
    seek.style.setProperty(
      "--played",
      at.max > 0 ? `${(Number(seek.value) / Number(seek.max)) * 100}%` : "100%",
    );
    const button = this.#part("live");
    button.hidden = !live || !at.shown;
    button.setAttribute("aria-label", at.behind_s > 0 ? words.go_live : words.at_live);
    const clock = this.#part("clock");
    clock.hidden = !at.shown;
    setText(
      clock,
      live
        ? at.behind_s > 0
          ? behindClock(at.behind_s)
          : ""
        : `${duration(at.value * 1000)} / ${duration(at.max * 1000)}`,
    );
  }

  #say(seek: HTMLInputElement, max: number, behind_s: number, live: boolean): void {
    const position = spoken(Number(seek.value), words.time);
    const text = live
      ? behind_s > 0
        ? fill(words.behind, { time: spoken(behind_s, words.time) })
        : words.at_live
      : fill(words.position, { time: position, total: spoken(max, words.time) });
    if (seek.getAttribute("aria-valuetext") !== text) seek.setAttribute("aria-valuetext", text);
  }

  #seekInput(value: number): void {
    this.#held = performance.now() + 1_000;
    const seek = this.#part("seek") as HTMLInputElement;
    const max = Number(seek.max);
    const live = this.port.engine()?.timeline()?.live ?? true;
    const behind = Math.max(0, max - value - (this.port.engine()?.edge_s() ?? 0));
    this.#say(seek, max, behind, live);
    seek.style.setProperty("--played", max > 0 ? `${(value / max) * 100}%` : "100%");
    setText(
      this.#part("clock"),
      live ? behindClock(behind) : `${duration(value * 1000)} / ${duration(max * 1000)}`,
    );
  }

  #seekTo(value: number): void {
    const timeline = this.port.engine()?.timeline();
    this.#held = performance.now() + 300;
    if (timeline) this.port.seek(timeline.start_s + value);
  }

  #step(by_s: number): void {
    const timeline = this.port.engine()?.timeline();
    if (timeline) this.port.seek(timeline.position_s + by_s);
  }

  #toggleCaptions(): void {
    const engine = this.port.engine();
    if (!engine) return;
    const { choices, chosen } = engine.captions();
    const language = navigator.language.slice(0, 2).toLowerCase();
    const mine = choices.find((one) => one.label.toLowerCase().startsWith(language)) ?? choices[0];
    engine.chooseCaptions(chosen >= 0 || !mine ? -1 : mine.id);
    this.menus();
  }

  #fullscreen(): void {
    const video = this.port.video() as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    const done = document.fullscreenElement
      ? document.exitFullscreen()
      : this.root.requestFullscreen
        ? this.root.requestFullscreen()
        : video.webkitEnterFullscreen?.();
    void Promise.resolve(done).catch(() => undefined);
  }

  async #togglePip(): Promise<void> {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await this.port.video().requestPictureInPicture();
  }

  #fullscreenChanged(): void {
    const full = document.fullscreenElement === this.root;
    const button = this.#part("fullscreen");
    button.setAttribute("aria-label", full ? words.fullscreen_exit : words.fullscreen);
    setIcon(button, full ? "fullscreen-exit" : "fullscreen");
  }

  /** Keys work anywhere on the page, except where they already mean something. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.port.active()) return;
    const target = event.target as HTMLElement;
    if (target.closest("input:not([type=range]), textarea, select, [contenteditable], dialog, [role=tab]"))
      return;
    if (event.key === " " && target.closest("button, a, summary")) return;
    const { port } = this;
    const actions: Record<string, () => void> = {
      " ": () => port.togglePlay(),
      k: () => port.togglePlay(),
      m: () => port.setSound(port.muted()),
      f: () => this.#fullscreen(),
      c: () => this.#toggleCaptions(),
      l: () => port.toLive(),
      ArrowUp: () => port.setVolume(port.volume() + VOLUME_STEP),
      ArrowDown: () => port.setVolume(port.volume() - VOLUME_STEP),
      ArrowLeft: () => this.#step(-SEEK_STEP_S),
      ArrowRight: () => this.#step(SEEK_STEP_S),
    };
    // Arrows scroll the page unless the player or nothing has the focus; a slider has its own use for them.
    if (event.key.startsWith("Arrow") && target !== document.body && !this.root.contains(target)) return;
    if (event.key.startsWith("Arrow") && target.matches("input[type=range]")) return;
    const act = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
    this.awake();
  }

  #part(name: string): HTMLElement {
    const element = this.root.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (!element) throw new Error(`live-player: no part "${name}"`);
    return element;
  }
}

function numberIn(event: Event): number {
  return Number((event.target as HTMLInputElement | HTMLSelectElement).value);
}
