import type { Delivery, Stream } from "./live_state";

/*
  The viewer's player as a pure reducer: events in, new state and effects out. The element performs effects through ports.

  mode        what it means                                        shown as (data-state)
  idle        nothing on air: nobody on stage yet                  lobby
  connecting  on air; admission, connection or first frame due     connecting
  realtime    frames of WebRTC are shown                           live
  hls         frames of HLS are shown                              live
  switching   frames are shown; the other delivery starts beside   live
  slate       was shown, then the stage or a source went away      reconnecting
  ended       the stream is over                                   ended
  refused     access ended or the experience is gone               (gate)

  Two sources at most. `front` is on screen, or will be with its first frame. `back` stands beside it, muted and below:
  `warming` until it is proved, or `kept` for a few seconds after the swap as the way back.
  ask: what we want from the server: none → asking, or waiting = a jittered pause before asking again.
*/
export type Mode = "idle" | "connecting" | "realtime" | "hls" | "switching" | "slate" | "ended" | "refused";
export type Refusal = "access" | "gone";
/** Why admission is asked for: nothing plays yet, we were told to move, or the source in front failed. */
export type Why = "start" | "move" | "rescue";

export interface Admission {
  delivery: Delivery | null;
  livekit: { url: string; token: string } | null;
  hls: { url: string } | null;
  expires_at: number;
  stream_id: string;
}

/** One running engine. Ids are never used twice within a page. */
export interface Source {
  id: number;
  delivery: Delivery;
  joined: boolean;
}

export interface PlayerState {
  mode: Mode;
  stream: Stream | null;
  ask: "none" | "asking" | "waiting";
  why: Why;
  front: Source | null;
  back: Source | null;
  role: "warming" | "kept" | null;
  /** Whose picture is on top and whose sound may be heard. */
  shown: number | null;
  /** Sources made so far. */
  made: number;
  /** The delivery the server wants for this viewer. */
  told: Delivery | null;
  /** A moment for the move has been drawn. */
  moving: boolean;
  /** The viewer watches an earlier part: not moved to where there is none. */
  rewound: boolean;
  /** Pauses since frames were last shown: grows the backoff. */
  attempt: number;
  /** Moves in a row that went wrong. */
  misses: number;
  /** Frames of this stream were seen at least once. */
  seen: boolean;
  /** When the slate began, ms of the server's clock (0: not on the slate). */
  slateSince: number;
  /** What is gone while on the slate: the stage, our own link, or the source alone. */
  lost: "stage" | "own" | "source" | null;
  refusal: Refusal | null;
}

export type PlayerEvent =
  | { type: "state"; stream: Stream | null; now: number; delivery?: Delivery | null; within_ms?: number }
  | { type: "told"; delivery: Delivery; within_ms: number; now: number }
  | { type: "move_due"; now: number }
  | { type: "admitted"; admission: Admission; now: number }
  | { type: "admission_failed"; code: string; now: number }
  /** Connected; frames may be far. */
  | { type: "joined"; source: number; now: number }
  /** Frames of it are painted. */
  | { type: "frames"; source: number; now: number }
  /** The swap guard's verdict on the warming source. */
  | { type: "ready"; source: number; now: number }
  | { type: "unready"; source: number; now: number }
  /** It has shown nothing new for too long. */
  | { type: "stalled"; source: number; now: number }
  /** It ended by itself. `stage`: the room itself is gone, not our link to it. */
  | { type: "left"; source: number; stage: boolean; now: number }
  | { type: "keep_over"; source: number; now: number }
  | { type: "pause_over"; now: number }
  | { type: "renew_due"; source: number; now: number }
  | { type: "renewed"; source: number; admission: Admission; now: number }
  | { type: "renewal_failed"; source: number; code: string; now: number }
  /** This engine cannot take a new address while it runs: another one takes over. */
  | { type: "replace"; source: number; url: string; expires_at: number; now: number }
  | { type: "rewound"; on: boolean; now: number }
  | { type: "online"; now: number }
  | { type: "refused"; refusal: Refusal; now: number };

export type PlayerEffect =
  /** `failed`: what just failed here, so that the server can offer the other one. */
  | { type: "admit"; failed: Delivery | null }
  /** Starts muted and below. `token` only for WebRTC. */
  | { type: "start"; source: number; delivery: Delivery; url: string; token: string }
  | { type: "stop"; source: number }
  /** On top and heard, everything else below and muted, in one frame. */
  | { type: "show"; source: number }
  /** Judge the warming source: `ready` or `unready` follows. */
  | { type: "guard"; source: number }
  | { type: "keep"; source: number }
  /** Tell when the next frame is really painted; `steady`: only when frames keep coming, as the last ones of a stage
      that is gone may still be on their way. */
  | { type: "watch_frames"; source: number; steady: boolean }
  | { type: "pause"; attempt: number }
  | { type: "end_pause" }
  | { type: "move_later"; within_ms: number }
  | { type: "end_move" }
  /** `failed`: the last renewal did not work, try soon. */
  | { type: "renew_later"; source: number; expires_at: number; failed: boolean }
  | { type: "ask_renewal"; source: number }
  | { type: "renew"; source: number; url: string; expires_at: number };

export type Step = [PlayerState, PlayerEffect[]];

export const INITIAL: PlayerState = {
  mode: "idle",
  stream: null,
  ask: "none",
  why: "start",
  front: null,
  back: null,
  role: null,
  shown: null,
  made: 0,
  told: null,
  moving: false,
  rewound: false,
  attempt: 0,
  misses: 0,
  seen: false,
  slateSince: 0,
  lost: null,
  refusal: null,
};
