/*
  Proof that a warming source may take the screen: frames keep coming, its playlist goes on, and it is not far behind.
  Nothing but all three: frames alone flowed for seconds from a playlist that had ended.
*/
export interface GuardLimits {
  /** Steady frames in a row. */
  frames: number;
  /** A longer gap starts the count anew, ms. */
  gap_ms: number;
  /** The playlist must have grown so often, and lately. */
  advances: number;
  /** Distance from the live edge, s. */
  behind_s_max: number;
  /** Proved, but still coming nearer: waits for it no longer than this, ms. */
  patience_ms: number;
  /** Gives up, ms. */
  limit_ms: number;
}

export const GUARD: GuardLimits = {
  frames: 20,
  gap_ms: 150,
  advances: 2,
  behind_s_max: 8,
  patience_ms: 2_500,
  limit_ms: 12_000,
};

export interface GuardLook {
  at_ms: number;
  /** A frame was painted at this moment. */
  frame: boolean;
  /** End of the playlist, s; null where there is none (WebRTC, native HLS). */
  edge_s: number | null;
  /** Behind the live edge, s; null when unknown. */
  behind_s: number | null;
  /** How long the playlist may stand still, ms. */
  still_ms: number;
  /** As near to the stage as it will get. */
  near: boolean;
}

export interface Guard {
  began_ms: number;
  frames: number;
  lastFrame_ms: number;
  edge_s: number | null;
  edge_at_ms: number;
  advances: number;
  proved_ms: number;
}

export type Verdict = "wait" | "ready" | "unready";

export function guardFrom(at_ms: number): Guard {
  return {
    began_ms: at_ms,
    frames: 0,
    lastFrame_ms: 0,
    edge_s: null,
    edge_at_ms: at_ms,
    advances: 0,
    proved_ms: 0,
  };
}

/** `ready` is only said on a frame, so that the swap falls between two pictures. */
export function guard(before: Guard, look: GuardLook, limits: GuardLimits = GUARD): [Guard, Verdict] {
  const { at_ms } = look;
  const state = { ...before };
  if (look.frame) {
    state.frames = at_ms - before.lastFrame_ms <= limits.gap_ms ? before.frames + 1 : 1;
    state.lastFrame_ms = at_ms;
  } else if (at_ms - before.lastFrame_ms > limits.gap_ms) state.frames = 0;
  if (look.edge_s !== null) {
    if (before.edge_s !== null && look.edge_s > before.edge_s + 0.001) {
      state.advances += 1;
      state.edge_at_ms = at_ms;
    }
    state.edge_s = look.edge_s;
  }
  const alive =
    look.edge_s === null
      ? before.edge_s === null
      : state.advances >= limits.advances && at_ms - state.edge_at_ms <= look.still_ms;
  const close = look.behind_s === null || look.behind_s <= limits.behind_s_max;
  const proved = state.frames >= limits.frames && alive && close;
  state.proved_ms = proved ? before.proved_ms || at_ms : 0;
  if (proved && look.frame && (look.near || at_ms - state.proved_ms >= limits.patience_ms))
    return [state, "ready"];
  return [state, at_ms - state.began_ms > limits.limit_ms && !proved ? "unready" : "wait"];
}
