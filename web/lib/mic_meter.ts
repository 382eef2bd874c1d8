/** Loudness of a track, 0..1 on a scale that follows the ear (−60 dB to 0 dB). */
export class MicMeter {
  #context: AudioContext | null = null;
  #analyser: AnalyserNode | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #samples = new Float32Array(1024);

  /** Listens to another track, or to none. */
  listen(track: MediaStreamTrack | null): void {
    this.#source?.disconnect();
    this.#source = null;
    if (!track) return;
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => undefined);
    this.#analyser ??= this.#context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** The level now. */
  level(): number {
    if (!this.#analyser || !this.#source) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const decibel = 10 * Math.log10(power / this.#samples.length + 1e-12);
    return Math.min(1, Math.max(0, (decibel + 60) / 60));
  }

  close(): void {
    this.listen(null);
    void this.#context?.close();
    this.#context = null;
    this.#analyser = null;
  }
}
