import type { RemoteTrack, RemoteTrackPublication, Room } from "livekit-client";
import type { Entry } from "../models/receive_stats";
import { loadLiveKit } from "./livekit";

/** Tracks as the player shows them; a missing one is null. */
export interface Picture {
  camera: MediaStreamTrack | null;
  screen: MediaStreamTrack | null;
  sounds: MediaStreamTrack[];
  /** A camera is published but switched off. */
  cameraMuted: boolean;
}

export interface WatchRoomPort {
  picture(picture: Picture): void;
  /** The connection ended without being asked to; `stage`: the room itself was closed. */
  left(stage: boolean): void;
}

/** How long the library may try to mend a connection by itself before the player asks for a new one, ms. */
const PATIENCE_MS = 5_000;

/** A viewer's connection to a LiveKit room: subscribes to everything, tells what there is to show. */
export class WatchRoom {
  #room: Room | null = null;
  #left = false;
  #patience = 0;

  constructor(private readonly port: WatchRoomPort) {}

  /** Connects; rejects when LiveKit cannot be reached or refuses the token. */
  async join(url: string, token: string): Promise<void> {
    const { ConnectionState, DisconnectReason, Room, RoomEvent } = await loadLiveKit();
    if (this.#left) return;
    const room = new Room({
      adaptiveStream: false,
      dynacast: false,
      disconnectOnPageLeave: true,
      // Two quick tries on the old session, then the player asks the server for a new admission.
      reconnectPolicy: {
        nextRetryDelayInMs: ({ retryCount }) => (retryCount < 2 ? 300 * (retryCount + 1) : null),
      },
    });
    this.#room = room;
    const changed = (): void => this.port.picture(this.#picture());
    room
      .on(RoomEvent.TrackSubscribed, changed)
      // Told while the publication still holds its track: look a moment later.
      .on(RoomEvent.TrackUnsubscribed, () => queueMicrotask(changed))
      .on(RoomEvent.TrackMuted, changed)
      .on(RoomEvent.TrackUnmuted, changed)
      .on(RoomEvent.ConnectionStateChanged, (state) => {
        if (state === ConnectionState.Connected) {
          window.clearTimeout(this.#patience);
          this.#patience = 0;
        } else if (state === ConnectionState.Reconnecting || state === ConnectionState.SignalReconnecting)
          this.#patience ||= window.setTimeout(() => {
            if (this.#left) return;
            this.leave();
            this.port.left(false);
          }, PATIENCE_MS);
      })
      .on(RoomEvent.Disconnected, (reason) => {
        if (this.#left) return;
        this.#left = true;
        this.port.left(
          reason === DisconnectReason.ROOM_DELETED ||
            reason === DisconnectReason.ROOM_CLOSED ||
            reason === DisconnectReason.SERVER_SHUTDOWN,
        );
      });
    try {
      await room.connect(url, token, { autoSubscribe: true, maxRetries: 0, peerConnectionTimeout: 8_000 });
    } catch (error) {
      // A failed connect may or may not have told `Disconnected` already; say it once.
      const told = this.#left;
      this.leave();
      if (!told) throw error;
      return;
    }
    changed();
  }

  /** Disconnects and forgets; safe at any time, any number of times. */
  leave(): void {
    this.#left = true;
    window.clearTimeout(this.#patience);
    const room = this.#room;
    this.#room = null;
    room?.removeAllListeners();
    void room?.disconnect();
  }

  /** Raw receiver statistics of the biggest picture, empty when there is none. */
  async stats(): Promise<Entry[]> {
    const track =
      this.#tracks().find(([publication]) => publication.source === "screen_share") ??
      this.#tracks().find(([p]) => p.kind === "video");
    const report = await track?.[1].getRTCStatsReport();
    return report ? ([...report.values()] as Entry[]) : [];
  }

  #tracks(): [RemoteTrackPublication, RemoteTrack][] {
    const found: [RemoteTrackPublication, RemoteTrack][] = [];
    for (const participant of this.#room?.remoteParticipants.values() ?? [])
      for (const publication of participant.trackPublications.values())
        if (publication.track)
          found.push([publication as RemoteTrackPublication, publication.track as RemoteTrack]);
    return found;
  }

  #picture(): Picture {
    const picture: Picture = { camera: null, screen: null, sounds: [], cameraMuted: false };
    for (const [publication, track] of this.#tracks()) {
      if (publication.source === "screen_share") picture.screen = track.mediaStreamTrack;
      else if (publication.kind === "video") {
        picture.cameraMuted = publication.isMuted;
        picture.camera = track.mediaStreamTrack;
      } else picture.sounds.push(track.mediaStreamTrack);
    }
    return picture;
  }
}
