import type { Timeline } from "../../models/dvr";
import type { Delivery } from "../../models/live_state";
import type { ReceiveFigures } from "../../models/receive_stats";
import type { Picture } from "../watch_room";

/** What an engine tells the player. Nothing comes after `stop()`. */
export interface EnginePort {
  /** Connected: media is on its way. */
  joined(): void;
  /** It ended and will not come back; `stage`: the other side closed it for everybody. */
  left(stage: boolean): void;
  /** WebRTC: what there is to show changed. */
  picture(picture: Picture): void;
  /** Qualities, captions or the window changed. */
  menus(): void;
  /** The server does not take the token any more. */
  expired(): void;
}

/** What the swap guard asks; null: not known here. */
export interface Proof {
  edge_s: number | null;
  behind_s: number | null;
  still_ms: number;
  /** As near to the stage as it will get. */
  near: boolean;
}

export interface Choice {
  id: number;
  label: string;
}

/** One way for media to come into a `<video>`: WebRTC, hls.js, or the browser's own player. */
export interface Engine {
  readonly delivery: Delivery;
  /** Rejects when it cannot even begin. */
  start(): Promise<void>;
  /** Lets go of everything; safe at any time, any number of times. */
  stop(): void;
  /** Heard or not: the volume's owner. */
  output(): HTMLMediaElement;
  /** On screen: may no longer rush. */
  shown(on: boolean): void;
  figures(): Promise<ReceiveFigures>;
  proof(): Proof;
  /** What can be watched again; null when there is nothing. */
  timeline(): Timeline | null;
  /** Where live playback stands behind the end, s. */
  edge_s(): number;
  seek(position_s: number): void;
  toLive(): void;
  /** A new address for the same media; false: it cannot be taken while running. */
  renew(url: string): boolean;
  /** -1 is automatic; empty when there is no choice. */
  qualities(): { choices: Choice[]; chosen: number; playing: string };
  chooseQuality(id: number): void;
  captions(): { choices: Choice[]; chosen: number };
  /** -1: off. */
  chooseCaptions(id: number): void;
}

export const NO_FIGURES: ReceiveFigures = {
  width: null,
  height: null,
  fps: null,
  bitrate_bps: null,
  rtt_ms: null,
  delay_ms: null,
  dropped: null,
  lost: null,
};
