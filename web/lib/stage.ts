import type { LocalAudioTrack, LocalTrack, LocalVideoTrack, Room } from "livekit-client";
import type { Entry } from "../models/receive_stats";
import { type LiveKit, loadLiveKit } from "./livekit";

/** 720p at 30 fps: enough for a face, within H.264 level 3.1, kind to phones. */
const CAMERA_ENCODING = { maxBitrate: 2_500_000, maxFramerate: 30 };
/** How long the library may try to mend a media connection by itself, ms. */
const PATIENCE_MS = 5_000;
const SCREEN_ENCODING = { maxBitrate: 2_500_000, maxFramerate: 15 };

export interface StagePort {
  /** The connection ended without being asked to; `elsewhere`: the same person went on stage in another tab. */
  dropped(elsewhere: boolean): void;
}

/** What goes out; the tracks belong to whoever set them, the stage never stops one. */
export interface Outgoing {
  camera: MediaStreamTrack | null;
  microphone: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
  microphoneMuted: boolean;
}

/**
 * The creator's connection to a LiveKit room. A swapped device replaces the media behind a published track, so viewers
 * keep their subscription; a camera that is off is a muted track. Only a screen share comes and goes as a track.
 */
export class Stage {
  #room: Room | null = null;
  #kit: LiveKit | null = null;
  #camera: LocalVideoTrack | null = null;
  #microphone: LocalAudioTrack | null = null;
  #screen: LocalVideoTrack | null = null;
  /** Which stream's room this is. */
  #streamId: string | null = null;
  /** Publishing, not only connected. */
  #onStage = false;
  #patience = 0;
  #preparing: Promise<void> = Promise.resolve();
  #out: Outgoing = { camera: null, microphone: null, screen: null, microphoneMuted: false };
  /** Changes are carried out one after the other: each waits for this. */
  #queue: Promise<void> = Promise.resolve();

  constructor(private readonly port: StagePort) {}

  /** Connects without publishing, so that Go live only has to publish. Never rejects: it is only a head start. */
  async prepare(streamId: string, url: string, token: string): Promise<void> {
    if (this.#room) return;
    this.#preparing = this.#connect(streamId, url, token).then(
      () => undefined,
      () => undefined,
    );
    await this.#preparing;
  }

  /** Connects (if not yet prepared) and publishes everything set so far; rejects when that fails (nothing stays open then). */
  async join(streamId: string, url: string, token: string): Promise<void> {
    if (this.#streamId === streamId) await this.#preparing;
    let room = this.#room;
    if (this.#streamId !== streamId || room?.state !== "connected") {
      this.leave();
      room = await this.#connect(streamId, url, token);
    }
    this.#onStage = true;
    try {
      await this.#carryOut();
    } catch (error) {
      if (this.#room === room) this.leave();
      throw error;
    }
    if (this.#room !== room) throw new Error("left while joining");
  }

  async #connect(streamId: string, url: string, token: string): Promise<Room> {
    const kit = await loadLiveKit();
    const room = new kit.Room({
      adaptiveStream: false,
      dynacast: false,
      stopLocalTrackOnUnpublish: false,
      // The library would also leave on `beforeunload`, where a person may still choose to stay: the studio leaves on `pagehide`.
      disconnectOnPageLeave: false,
      // Short: the server can hand out a new token at once, and every second counts against the grace.
      reconnectPolicy: {
        nextRetryDelayInMs: ({ retryCount }) => (retryCount < 3 ? 250 * (retryCount + 1) : null),
      },
    });
    this.#kit = kit;
    this.#room = room;
    this.#streamId = streamId;
    room.on(kit.RoomEvent.Disconnected, (reason) => {
      if (this.#room !== room) return;
      const wasOnStage = this.#onStage;
      this.#forget();
      if (wasOnStage) this.port.dropped(reason === kit.DisconnectReason.DUPLICATE_IDENTITY);
    });
    // The library goes on trying as long as signalling answers, while the media server still counts us in and viewers
    // see a frozen picture: after a moment we leave, so that the loss is known, and come back anew.
    room.on(kit.RoomEvent.ConnectionStateChanged, (state) => {
      if (state === kit.ConnectionState.Connected) {
        window.clearTimeout(this.#patience);
        this.#patience = 0;
      } else if (
        state === kit.ConnectionState.Reconnecting ||
        state === kit.ConnectionState.SignalReconnecting
      )
        this.#patience ||= window.setTimeout(() => {
          if (this.#room !== room) return;
          const wasOnStage = this.#onStage;
          this.leave();
          if (wasOnStage) this.port.dropped(false);
        }, PATIENCE_MS);
    });
    try {
      await room.connect(url, token, { autoSubscribe: false, maxRetries: 0, peerConnectionTimeout: 8_000 });
    } catch (error) {
      if (this.#room === room) this.leave();
      throw error;
    }
    if (this.#room !== room) throw new Error("left while connecting");
    return room;
  }

  /** Changes what goes out; resolves when viewers get it (at once when not connected). */
  async set(change: Partial<Outgoing>): Promise<void> {
    this.#out = { ...this.#out, ...change };
    if (this.#onStage) await this.#carryOut();
  }

  /** Disconnects; the tracks stay with their owner. */
  leave(): void {
    const room = this.#room;
    this.#forget();
    room?.removeAllListeners();
    void room?.disconnect(false);
  }

  /** Raw sender statistics of everything that goes out. */
  async stats(): Promise<Entry[]> {
    const entries: Entry[] = [];
    const tracks: (LocalTrack | null)[] = [this.#screen ?? this.#camera, this.#microphone];
    for (const track of tracks) {
      const report = await track?.sender?.getStats();
      if (report) entries.push(...([...report.values()] as Entry[]));
    }
    return entries;
  }

  #forget(): void {
    window.clearTimeout(this.#patience);
    this.#patience = 0;
    this.#room = null;
    this.#streamId = null;
    this.#onStage = false;
    this.#camera = null;
    this.#microphone = null;
    this.#screen = null;
    this.#queue = Promise.resolve();
  }

  #carryOut(): Promise<void> {
    const next = this.#queue.then(() => this.#agree());
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Makes the room agree with what should go out. */
  async #agree(): Promise<void> {
    const room = this.#room;
    const kit = this.#kit;
    if (!room || !kit) return;
    await Promise.all([
      this.#agreeCamera(room, kit),
      this.#agreeMicrophone(room, kit),
      this.#agreeScreen(room, kit),
    ]);
  }

  async #agreeCamera(room: Room, kit: LiveKit): Promise<void> {
    const wanted = this.#out.camera;
    const now = this.#camera;
    if (now) {
      if (wanted && now.mediaStreamTrack !== wanted) await now.replaceTrack(wanted, true);
      if (wanted && now.isMuted) await now.unmute();
      if (!wanted && !now.isMuted) await now.mute();
      return;
    }
    if (!wanted) return;
    const track = new kit.LocalVideoTrack(wanted, undefined, true);
    this.#camera = track;
    await room.localParticipant.publishTrack(track, {
      source: kit.Track.Source.Camera,
      videoCodec: "h264",
      simulcast: false,
      backupCodec: false,
      degradationPreference: "maintain-resolution",
      videoEncoding: CAMERA_ENCODING,
    });
  }

  async #agreeMicrophone(room: Room, kit: LiveKit): Promise<void> {
    const wanted = this.#out.microphone;
    if (!this.#microphone && wanted) {
      const track = new kit.LocalAudioTrack(wanted, undefined, true);
      this.#microphone = track;
      await room.localParticipant.publishTrack(track, {
        source: kit.Track.Source.Microphone,
        dtx: false,
        red: true,
      });
    }
    const now = this.#microphone;
    if (!now) return;
    if (wanted && now.mediaStreamTrack !== wanted) await now.replaceTrack(wanted, true);
    const mute = this.#out.microphoneMuted || !wanted;
    if (mute && !now.isMuted) await now.mute();
    if (!mute && now.isMuted) await now.unmute();
  }

  async #agreeScreen(room: Room, kit: LiveKit): Promise<void> {
    const wanted = this.#out.screen;
    const now = this.#screen;
    if (now && now.mediaStreamTrack !== wanted) {
      this.#screen = null;
      await room.localParticipant.unpublishTrack(now, false);
    }
    if (!wanted || this.#screen || this.#room !== room) return;
    const track = new kit.LocalVideoTrack(wanted, undefined, true);
    this.#screen = track;
    await room.localParticipant.publishTrack(track, {
      source: kit.Track.Source.ScreenShare,
      videoCodec: "h264",
      simulcast: false,
      backupCodec: false,
      degradationPreference: "maintain-resolution",
      screenShareEncoding: SCREEN_ENCODING,
    });
  }
}
