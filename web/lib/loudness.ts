/** Whether sound is wanted and how loud, and the one rule about it: at most one element is ever heard. */
export class Loudness {
  wanted = false;
  volume = 1;
  #outputs: HTMLMediaElement[];

  /** `all`: every element of the player that could make a sound. */
  constructor(all: HTMLMediaElement[]) {
    this.#outputs = all;
    this.apply(null);
  }

  /** Silences all others first, then lets this one be heard, if sound is wanted. */
  apply(heard: HTMLMediaElement | null): void {
    for (const output of this.#outputs) if (output !== heard) output.muted = true;
    if (!heard) return;
    heard.volume = this.volume;
    heard.muted = !this.wanted;
  }
}
