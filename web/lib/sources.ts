import { memory } from "./memory";
import { startTestCard, type TestCard } from "./test_card";

export type Permission = "asking" | "granted" | "refused" | "test_card";
export type Trouble = null | "refused" | "none" | "busy";
export type DeviceKind = "camera" | "microphone" | "speaker";

export interface Devices {
  camera: MediaDeviceInfo[];
  microphone: MediaDeviceInfo[];
  speaker: MediaDeviceInfo[];
}

export interface SourcesPort {
  /** Something that goes out, or can be chosen, changed. */
  changed(): void;
  /** A device went away while in use; another took its place if there was one. */
  unplugged(name: string): void;
}

const VIDEO: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};
const AUDIO: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};
const SCREEN: DisplayMediaStreamOptions = {
  video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } },
  audio: false,
};

/**
 * Camera, microphone, screen and test card of this tab: the only place that opens devices, and so the one that closes
 * them. A track that was replaced is stopped after the new one is there; `release()` leaves no light on.
 */
export class Sources {
  camera: MediaStreamTrack | null = null;
  microphone: MediaStreamTrack | null = null;
  screen: MediaStreamTrack | null = null;
  permission: Permission = "asking";
  trouble: Trouble = null;
  cameraOff = false;
  microphoneMuted = false;
  devices: Devices = { camera: [], microphone: [], speaker: [] };
  #card: TestCard | null = null;
  #released = false;

  readonly #deviceChange = (): void => void this.#lookAtDevices();

  constructor(
    private readonly title: string,
    private readonly port: SourcesPort,
  ) {
    navigator.mediaDevices?.addEventListener("devicechange", this.#deviceChange);
  }

  get testCard(): boolean {
    return this.#card !== null;
  }

  /** Opens what was used last time, else the defaults. Never rejects: what went wrong stands in `trouble`. */
  async open(): Promise<void> {
    this.#released = false;
    this.trouble = null;
    if (memory.get("test_card") === "1") {
      this.useTestCard();
      return;
    }
    if (!navigator.mediaDevices) {
      this.#failed(new DOMException("", "NotAllowedError"));
      return;
    }
    this.permission = "asking";
    this.port.changed();
    try {
      const stream = await this.#both();
      // Meanwhile the page may have gone, or the test card been chosen.
      if (this.#released || this.#card) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.#takeCamera(stream.getVideoTracks()[0] ?? null);
      this.#takeMicrophone(stream.getAudioTracks()[0] ?? null);
      this.permission = "granted";
      if (!this.camera) this.trouble = "none";
    } catch (error) {
      if (!this.#card) this.#failed(error);
    }
    await this.#lookAtDevices();
  }

  /** Swaps the camera; the old one goes on until the new one is there. Rejects when it cannot be opened. */
  async chooseCamera(deviceId: string): Promise<void> {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { ...VIDEO, deviceId: { exact: deviceId } },
    });
    const track = stream.getVideoTracks()[0] ?? null;
    if (this.#card) await this.#leaveCard(track, null);
    else this.#takeCamera(track);
    this.cameraOff = false;
    memory.set("camera", deviceId);
    this.port.changed();
  }

  /** Swaps the microphone. */
  async chooseMicrophone(deviceId: string): Promise<void> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { ...AUDIO, deviceId: { exact: deviceId } },
    });
    this.#takeMicrophone(stream.getAudioTracks()[0] ?? null);
    memory.set("microphone", deviceId);
    this.port.changed();
  }

  /** The test card takes the place of camera and microphone, which are let go. */
  useTestCard(): void {
    this.#released = false;
    if (this.#card) return;
    const card = startTestCard(this.title);
    this.#takeCamera(card.video);
    this.#takeMicrophone(card.audio);
    this.#card = card;
    this.permission = "test_card";
    this.trouble = null;
    this.cameraOff = false;
    memory.set("test_card", "1");
    this.port.changed();
    void this.#lookAtDevices();
  }

  /** Back from the test card to camera and microphone; stays with the card when they cannot be opened (rejects). */
  async useCamera(): Promise<void> {
    const stream = await this.#both();
    await this.#leaveCard(stream.getVideoTracks()[0] ?? null, stream.getAudioTracks()[0] ?? null);
    this.permission = "granted";
    this.port.changed();
    await this.#lookAtDevices();
  }

  muteMicrophone(muted: boolean): void {
    this.microphoneMuted = muted;
    if (this.microphone) this.microphone.enabled = !muted;
    this.port.changed();
  }

  /** Off lets the device go (its light goes out); on opens it again. */
  async turnCamera(on: boolean): Promise<void> {
    if (!on) {
      this.cameraOff = true;
      if (!this.#card) this.#takeCamera(null);
      this.port.changed();
      return;
    }
    if (!this.#card) {
      const id = memory.get("camera");
      const stream = await this.#either({ video: id ? { ...VIDEO, deviceId: { ideal: id } } : VIDEO });
      this.#takeCamera(stream.getVideoTracks()[0] ?? null);
    }
    this.cameraOff = false;
    this.port.changed();
  }

  /** The browser's own picker; resolves false when the person closed it. */
  async shareScreen(): Promise<boolean> {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    } catch (error) {
      if ((error as DOMException).name === "NotAllowedError") return false;
      throw error;
    }
    const track = stream.getVideoTracks()[0] ?? null;
    this.screen?.stop();
    this.screen = track;
    track?.addEventListener("ended", () => {
      if (this.screen === track) this.stopScreen();
    });
    this.port.changed();
    return true;
  }

  stopScreen(): void {
    this.screen?.stop();
    this.screen = null;
    this.port.changed();
  }

  /** What viewers get as the camera: nothing while it is off. */
  get outgoingCamera(): MediaStreamTrack | null {
    return this.cameraOff ? null : this.camera;
  }

  /** Stops everything that this tab opened. */
  release(): void {
    this.#released = true;
    this.screen?.stop();
    this.screen = null;
    this.#card?.stop();
    this.#card = null;
    this.camera?.stop();
    this.camera = null;
    this.microphone?.stop();
    this.microphone = null;
    this.port.changed();
  }

  /** Releases and stops listening: the page goes away. */
  close(): void {
    navigator.mediaDevices?.removeEventListener("devicechange", this.#deviceChange);
    this.release();
  }

  async #both(): Promise<MediaStream> {
    const camera = memory.get("camera");
    const microphone = memory.get("microphone");
    const video = camera ? { ...VIDEO, deviceId: { ideal: camera } } : VIDEO;
    const audio = microphone ? { ...AUDIO, deviceId: { ideal: microphone } } : AUDIO;
    return this.#either({ video, audio });
  }

  /** Both if possible; with one of them missing, the other alone. */
  async #either(wanted: MediaStreamConstraints): Promise<MediaStream> {
    try {
      return await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      const name = (error as DOMException).name;
      if (!wanted.video || !wanted.audio || name === "NotAllowedError") throw error;
      try {
        return await navigator.mediaDevices.getUserMedia({ video: wanted.video });
      } catch {
        return await navigator.mediaDevices.getUserMedia({ audio: wanted.audio });
      }
    }
  }

  async #leaveCard(video: MediaStreamTrack | null, audio: MediaStreamTrack | null): Promise<void> {
    const card = this.#card;
    this.#card = null;
    memory.set("test_card", null);
    let sound = audio;
    if (!sound) {
      const id = memory.get("microphone");
      const stream = await navigator.mediaDevices
        .getUserMedia({ audio: id ? { ...AUDIO, deviceId: { ideal: id } } : AUDIO })
        .catch(() => null);
      sound = stream?.getAudioTracks()[0] ?? null;
    }
    this.#takeCamera(video);
    this.#takeMicrophone(sound);
    this.permission = "granted";
    card?.stop();
  }

  #takeCamera(track: MediaStreamTrack | null): void {
    const old = this.camera;
    this.camera = track;
    if (old && old !== track) old.stop();
    track?.addEventListener("ended", () => {
      if (this.camera === track) void this.#replaceLost("camera", track.label);
    });
  }

  #takeMicrophone(track: MediaStreamTrack | null): void {
    const old = this.microphone;
    this.microphone = track;
    if (track) track.enabled = !this.microphoneMuted;
    if (old && old !== track) old.stop();
    track?.addEventListener("ended", () => {
      if (this.microphone === track) void this.#replaceLost("microphone", track.label);
    });
  }

  /** A device was unplugged, or another program took it: take the next one, if there is one. */
  async #replaceLost(kind: "camera" | "microphone", name: string): Promise<void> {
    const wanted = kind === "camera" ? { video: VIDEO } : { audio: AUDIO };
    const stream = await navigator.mediaDevices.getUserMedia(wanted).catch(() => null);
    const track = stream?.getTracks()[0] ?? null;
    if (kind === "camera") this.#takeCamera(track);
    else this.#takeMicrophone(track);
    if (kind === "camera" && !track) this.trouble = "none";
    this.port.unplugged(name);
    this.port.changed();
  }

  async #lookAtDevices(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind): MediaDeviceInfo[] =>
      all.filter((d) => d.kind === kind && d.deviceId !== "");
    this.devices = { camera: of("videoinput"), microphone: of("audioinput"), speaker: of("audiooutput") };
    this.port.changed();
  }

  #failed(error: unknown): void {
    const name = (error as DOMException).name;
    this.permission = name === "NotAllowedError" || name === "SecurityError" ? "refused" : "granted";
    this.trouble =
      this.permission === "refused"
        ? "refused"
        : name === "NotReadableError" || name === "AbortError"
          ? "busy"
          : "none";
    this.port.changed();
  }
}
