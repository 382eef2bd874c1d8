import type { Timeline } from "../../models/dvr";
import type { ReceiveFigures, ReceiveSample } from "../../models/receive_stats";
import { receiveFigures } from "../../models/receive_stats";
import { type Picture, WatchRoom } from "../watch_room";
import type { Engine, EnginePort, Proof } from "./engine";

export interface WebRtcParts {
  video: HTMLVideoElement;
  inset: HTMLVideoElement;
  sound: HTMLAudioElement;
}

export const NOTHING: Picture = { camera: null, screen: null, sounds: [], cameraMuted: false };

/** A LiveKit room in three media elements: the big picture, the camera in the corner while a screen is shared, the sound. */
export class WebRtcEngine implements Engine {
  readonly delivery = "webrtc";
  readonly #room: WatchRoom;
  #sample: ReceiveSample | null = null;
  #stopped = false;

  constructor(
    private readonly parts: WebRtcParts,
    private readonly url: string,
    private readonly token: string,
    private readonly port: EnginePort,
  ) {
    this.#room = new WatchRoom({
      picture: (picture) => {
        if (!this.#stopped) this.#attach(picture);
      },
      left: (stage) => {
        if (!this.#stopped) this.port.left(stage);
      },
    });
  }

  async start(): Promise<void> {
    await this.#room.join(this.url, this.token);
    if (!this.#stopped) this.port.joined();
  }

  /** Leaves the room; the last frame stays where it is until the element is given something else. */
  stop(): void {
    this.#stopped = true;
    this.#room.leave();
  }

  output(): HTMLMediaElement {
    return this.parts.sound;
  }

  shown(): void {}

  async figures(): Promise<ReceiveFigures> {
    const entries = await this.#room.stats().catch(() => []);
    const [figures, sample] = receiveFigures(entries, performance.now(), this.#sample);
    this.#sample = sample;
    return figures;
  }

  proof(): Proof {
    return { edge_s: null, behind_s: null, still_ms: 0, near: true };
  }

  timeline(): Timeline | null {
    return null;
  }

  edge_s(): number {
    return 0;
  }

  seek(): void {}
  toLive(): void {}

  renew(): boolean {
    return true;
  }

  qualities() {
    return { choices: [], chosen: -1, playing: "" };
  }

  chooseQuality(): void {}

  captions() {
    return { choices: [], chosen: -1 };
  }

  chooseCaptions(): void {}

  #attach(picture: Picture): void {
    const big = picture.screen ?? picture.camera;
    const small = picture.screen ? picture.camera : null;
    if (big) feed(this.parts.video, [big]);
    feed(this.parts.inset, small && !picture.cameraMuted ? [small] : []);
    feed(this.parts.sound, picture.sounds);
    this.port.picture(picture);
  }
}

/** Gives an element exactly these tracks; leaves it alone when it has them already, so that nothing flickers. */
export function feed(media: HTMLMediaElement, tracks: MediaStreamTrack[]): void {
  const now = media.srcObject instanceof MediaStream ? media.srcObject.getTracks() : [];
  if (now.length === tracks.length && tracks.every((track) => now.includes(track))) return;
  media.srcObject = tracks.length ? new MediaStream(tracks) : null;
  if (tracks.length) void media.play().catch(() => undefined);
}
