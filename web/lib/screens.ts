/** Without frame callbacks (Firefox before 132) pictures are noticed on each repaint. */
const CALLS_BACK = "requestVideoFrameCallback" in HTMLVideoElement.prototype;

/** One of the two stacked `<video>`s: knows when its last picture was painted and who plays in it. */
export class Screen {
  /** The source that plays here. */
  source: number | null = null;
  /** When the last picture came to the eye, ms of the page's clock. */
  lastFrame_ms = 0;
  #previous_ms = 0;
  #handle = 0;
  #off = false;
  #watching: ((at_ms: number) => void) | null = null;
  #time = -1;

  constructor(
    readonly video: HTMLVideoElement,
    private readonly painted: (screen: Screen, at_ms: number) => void,
  ) {
    video.addEventListener("playing", this.#arm);
    this.#arm();
  }

  /** Called for each picture until it says it is done (true). */
  watch(look: ((at_ms: number) => boolean) | null): void {
    this.#watching = look
      ? (at_ms) => {
          if (look(at_ms) && this.#watching === mine) this.#watching = null;
        }
      : null;
    const mine = this.#watching;
  }

  end(): void {
    this.#off = true;
    this.#watching = null;
    this.video.removeEventListener("playing", this.#arm);
    if (CALLS_BACK) this.video.cancelVideoFrameCallback(this.#handle);
    else cancelAnimationFrame(this.#handle);
  }

  readonly #arm = (): void => {
    if (this.#off) return;
    if (CALLS_BACK) {
      this.video.cancelVideoFrameCallback(this.#handle);
      this.#handle = this.video.requestVideoFrameCallback((now) => this.#frame(now));
    } else {
      cancelAnimationFrame(this.#handle);
      this.#handle = requestAnimationFrame((now) => {
        if (this.video.currentTime === this.#time || this.video.readyState < 2) return this.#arm();
        this.#time = this.video.currentTime;
        this.#frame(now);
      });
    }
  };

  #frame(at_ms: number): void {
    this.#arm();
    this.painted(this, at_ms);
    this.#watching?.(at_ms);
    this.#previous_ms = this.lastFrame_ms;
    this.lastFrame_ms = at_ms;
  }

  /** When its last picture was seen that came before this moment: one of the same repaint would have been covered. */
  lastBefore_ms(at_ms: number): number {
    return this.lastFrame_ms < at_ms ? this.lastFrame_ms : this.#previous_ms;
  }
}

export interface Swap {
  from: number | null;
  to: number;
  /** Between the last picture of the old one and the first of the new one, ms; null without an earlier one. */
  gap_ms: number | null;
}

/** Two videos, one above the other. What is shown is always `data-part="main"`, the other one `data-part="spare"`. */
export class Screens {
  readonly #screens: [Screen, Screen];
  #main = 0;
  #pending: { from: number | null; to: number; old_ms: number } | null = null;
  #painting: { screen: Screen; at_ms: number } | null = null;

  constructor(
    videos: [HTMLVideoElement, HTMLVideoElement],
    private readonly swapped: (swap: Swap) => void,
  ) {
    const painted = (screen: Screen, at_ms: number): void => this.#painted(screen, at_ms);
    this.#screens = [new Screen(videos[0], painted), new Screen(videos[1], painted)];
  }

  get main(): Screen {
    return this.#screens[this.#main] as Screen;
  }

  get spare(): Screen {
    return this.#screens[1 - this.#main] as Screen;
  }

  of(source: number): Screen | null {
    return this.#screens.find((screen) => screen.source === source) ?? null;
  }

  /** A place for a new source: the upper one when it is free, else the lower one. */
  take(source: number): Screen {
    const screen = this.main.source === null ? this.main : this.spare;
    screen.source = source;
    return screen;
  }

  /** Puts a source on top. Called while one of its pictures is painted, both change in the same frame. */
  show(source: number): void {
    const screen = this.of(source);
    if (!screen) return;
    const old = this.main;
    if (screen !== old) {
      this.#main = 1 - this.#main;
      for (const one of this.#screens) one.video.dataset.part = one === screen ? "main" : "spare";
    }
    const from = screen === old ? null : old.source;
    // In its frame callback the picture it is called for is the first one shown.
    const now_ms = this.#painting?.screen === screen ? this.#painting.at_ms : performance.now();
    this.#pending = { from, to: source, old_ms: old.lastBefore_ms(now_ms) };
    if (this.#painting?.screen === screen) this.#told(now_ms);
  }

  end(): void {
    for (const screen of this.#screens) screen.end();
  }

  #painted(screen: Screen, at_ms: number): void {
    this.#painting = { screen, at_ms };
    queueMicrotask(() => {
      this.#painting = null;
    });
    if (this.#pending && screen.source === this.#pending.to) this.#told(at_ms);
  }

  #told(at_ms: number): void {
    const swap = this.#pending;
    this.#pending = null;
    if (!swap) return;
    // Without an earlier picture there is no gap.
    const gap_ms = swap.old_ms > 0 ? Math.max(0, at_ms - swap.old_ms) : null;
    this.swapped({ from: swap.from, to: swap.to, gap_ms });
  }
}
