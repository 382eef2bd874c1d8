import type { Delivery } from "../models/live_state";
import { GUARD, type Guard, type GuardLimits, guard, guardFrom, type Verdict } from "../models/swap_guard";
import type { Engine } from "./engines/engine";
import { NOTHING } from "./engines/webrtc";
import type { Screen } from "./screens";
import type { Picture } from "./watch_room";

/** Frames count as flowing after this long, ms, without a gap longer than the other. */
const STEADY_MS = 700;
const STEADY_GAP_MS = 300;
/** Beside the frames a clock looks too, as a source that is dead paints none. */
const LOOK_MS = 250;
/** HLS that shows nothing new for so long has failed: while it plays, before its first picture, after a jump into the past. */
const STALL_MS = 2_200;
const STALL_START_MS = 8_000;
const STALL_REWOUND_MS = 8_000;
/** A page in the background paints nothing and looks once a second: there, time that goes on counts as pictures. */
const HIDDEN: GuardLimits = { ...GUARD, frames: 3, gap_ms: 2_500 };

/** One running source: its engine, its screen, its timers, and what is seen of it. */
export class Running {
  /** Null while the library is on its way. */
  engine: Engine | null = null;
  /** WebRTC: what there is to show. */
  picture: Picture = NOTHING;
  stopped = false;
  renewal = 0;
  /** When a new token was last asked for, ms of the page's clock. */
  asked_ms = Number.NEGATIVE_INFINITY;
  keep = 0;
  #guard: Guard | null = null;
  #clock = 0;
  #alive_ms = performance.now();
  #time_s = -1;
  #seen = false;

  constructor(
    readonly id: number,
    readonly delivery: Delivery,
    readonly screen: Screen,
  ) {}

  stop(): void {
    this.stopped = true;
    for (const timer of [this.renewal, this.keep]) window.clearTimeout(timer);
    this.#look(null);
    this.screen.source = null;
    this.engine?.stop();
  }

  get guarded(): boolean {
    return this.#guard !== null;
  }

  /** Says once whether it may take over. */
  guard(told: (verdict: Exclude<Verdict, "wait">) => void): void {
    this.#guard = guardFrom(performance.now());
    this.#look((at_ms, painted) => {
      if (!this.#guard) return true;
      const proof = this.engine?.proof() ?? { edge_s: null, behind_s: null, still_ms: 0, near: false };
      const hidden = document.hidden;
      const frame = painted || (hidden && this.#goesOn());
      const [state, verdict] = guard(this.#guard, { at_ms, frame, ...proof }, hidden ? HIDDEN : GUARD);
      this.#guard = state;
      if (verdict === "wait") return false;
      this.#guard = null;
      told(verdict);
      return true;
    });
  }

  /** Says once that a frame is painted; steady: the first that comes after frames have flowed for a while. */
  watchFrames(steady: boolean, told: () => void): void {
    this.#guard = null;
    let since = performance.now();
    let last = since;
    this.#look((_at, painted) => {
      const now = performance.now();
      const hidden = document.hidden;
      if (!painted && !(hidden && this.#goesOn())) return false;
      if (now - last > (hidden ? HIDDEN.gap_ms : STEADY_GAP_MS)) since = now;
      last = now;
      if (steady && now - since < STEADY_MS) return false;
      told();
      return true;
    });
  }

  /** It has just been touched: whatever comes next may take its time. */
  touch(): void {
    this.#alive_ms = performance.now();
  }

  /** Whether it has shown nothing new for too long. `resting`: nothing new is expected. */
  stalled(resting: boolean, rewound: boolean): boolean {
    const now = performance.now();
    const { video } = this.screen;
    const moved = video.currentTime !== this.#time_s && !video.seeking && video.readyState >= 2;
    if (moved || resting || document.hidden) {
      this.#alive_ms = now;
      if (moved && this.#time_s >= 0) this.#seen = true;
      this.#time_s = video.currentTime;
      return false;
    }
    const limit = this.#seen ? (rewound ? STALL_REWOUND_MS : STALL_MS) : STALL_START_MS;
    return now - this.#alive_ms > limit;
  }

  /** On each picture and by the clock, until it says it is done. */
  #look(look: ((at_ms: number, painted: boolean) => boolean) | null): void {
    window.clearInterval(this.#clock);
    this.screen.watch(null);
    if (!look) return;
    const done = (at_ms: number, painted: boolean): boolean => {
      if (this.stopped) return true;
      if (!look(at_ms, painted)) return false;
      if (clock === this.#clock) {
        window.clearInterval(clock);
        this.screen.watch(null);
      }
      return true;
    };
    const clock = window.setInterval(() => done(performance.now(), false), LOOK_MS);
    this.#clock = clock;
    this.screen.watch((at_ms) => done(at_ms, true));
  }

  #wentTo_s = 0;
  #goesOn(): boolean {
    const { currentTime, readyState } = this.screen.video;
    const on = readyState >= 2 && currentTime !== this.#wentTo_s;
    this.#wentTo_s = currentTime;
    return on;
  }
}
