import { isOver, onAir, type Stream } from "./live_state";

/*
  The viewer's player as a pure reducer: events in, new state and effects out. The element performs effects through ports.

  mode        what it means                                        shown as (data-state)
  idle        nothing on air: nobody on stage yet                  lobby
  connecting  on air; admission, connection or first frame due     connecting
  realtime    frames are shown                                     live
  slate       was shown, then the stage or our own link went away  reconnecting
  ended       the stream is over                                   ended
  refused     access ended or the experience is gone               (gate)

  link: none → admitting → joining → joined;  waiting = a jittered pause before the next admission.
*/
export type Mode = "idle" | "connecting" | "realtime" | "slate" | "ended" | "refused";
export type Link = "none" | "admitting" | "joining" | "joined" | "waiting";
export type Refusal = "access" | "gone";

export interface Admission {
  delivery: "webrtc" | null;
  livekit: { url: string; token: string } | null;
  expires_at: number;
  stream_id: string;
}

export interface PlayerState {
  mode: Mode;
  link: Link;
  stream: Stream | null;
  /** Pauses since the last joined link: grows the backoff. */
  attempt: number;
  /** Frames of this stream were seen at least once. */
  seen: boolean;
  /** When the slate began, ms of the server's clock (0: not on the slate). */
  slateSince: number;
  /** Whose link is gone while on the slate. */
  lost: "stage" | "own" | null;
  refusal: Refusal | null;
}

export type PlayerEvent =
  | { type: "state"; stream: Stream | null; now: number }
  | { type: "admitted"; admission: Admission; now: number }
  | { type: "admission_failed"; code: string; now: number }
  | { type: "joined"; now: number }
  | { type: "frames"; now: number }
  /** `stage`: the room itself is gone, not our link to it. */
  | { type: "left"; stage: boolean; now: number }
  | { type: "pause_over"; now: number }
  | { type: "online"; now: number }
  | { type: "refused"; refusal: Refusal; now: number };

export type PlayerEffect =
  | { type: "admit" }
  | { type: "join"; url: string; token: string }
  | { type: "leave" }
  | { type: "pause"; attempt: number }
  | { type: "end_pause" }
  /** Tell when the next frame is really painted; `steady`: only when frames keep coming, as the last ones of a stage
      that is gone may still be on their way. */
  | { type: "watch_frames"; steady: boolean };

export type Step = [PlayerState, PlayerEffect[]];

export const INITIAL: PlayerState = {
  mode: "idle",
  link: "none",
  stream: null,
  attempt: 0,
  seen: false,
  slateSince: 0,
  lost: null,
  refusal: null,
};

/** Refusals that asking again cannot change. */
const FINAL_CODES = new Set(["needs_pass", "pass_expired", "pass_revoked", "suspended"]);

export function player(state: PlayerState, event: PlayerEvent): Step {
  if (state.mode === "refused") return [state, []];
  switch (event.type) {
    case "state":
      return heard(state, event.stream, event.now);
    case "admitted":
      return admitted(state, event.admission, event.now);
    case "admission_failed":
      return admissionFailed(state, event.code);
    case "joined":
      return state.link === "joining"
        ? [
            { ...state, link: "joined", attempt: 0 },
            [{ type: "watch_frames", steady: state.stream?.phase === "reconnecting" }],
          ]
        : [state, []];
    case "frames":
      return frames(state);
    case "left":
      return left(state, event.stage, event.now);
    case "pause_over":
      return state.link === "waiting" ? retry(state, []) : [state, []];
    case "online":
      return state.link === "waiting"
        ? retry({ ...state, attempt: 0 }, [{ type: "end_pause" }])
        : [state, []];
    case "refused":
      return stop({ ...state, mode: "refused", refusal: event.refusal });
  }
}

function heard(before: PlayerState, stream: Stream | null, now: number): Step {
  const other = (before.stream?.id ?? null) !== (stream?.id ?? null);
  const cleared: PlayerEffect[] = other ? dropLink(before) : [];
  const state: PlayerState = other ? { ...INITIAL, stream } : { ...before, stream };
  if (isOver(stream)) {
    const [over, effects] = stop({ ...state, mode: "ended" });
    return [over, [...cleared, ...effects]];
  }
  if (!onAir(stream)) {
    const [idle, effects] = stop({ ...state, mode: "idle", seen: false });
    return [idle, [...cleared, ...effects]];
  }
  const effects = [...cleared];
  let next = state;
  if (stream?.phase === "reconnecting" && before.stream?.phase !== "reconnecting") {
    next = { ...next, mode: "slate", lost: "stage", slateSince: stream.reconnecting_since ?? now };
    if (next.link === "joined") effects.push({ type: "watch_frames", steady: true });
  } else if (stream?.phase === "reconnecting" && next.mode !== "realtime") {
    next = {
      ...next,
      mode: "slate",
      lost: next.lost ?? "stage",
      slateSince: next.slateSince || (stream.reconnecting_since ?? now),
    };
  } else if (stream?.phase === "live" && before.stream?.phase === "reconnecting" && next.mode === "slate") {
    if (next.link === "joined") effects.push({ type: "watch_frames", steady: false });
  } else if (next.mode === "idle" || next.mode === "ended") {
    next = { ...next, mode: "connecting" };
  }
  if (next.link === "none") {
    next = { ...next, link: "admitting" };
    effects.push({ type: "admit" });
  }
  return [next, effects];
}

function admitted(state: PlayerState, admission: Admission, now: number): Step {
  if (state.link !== "admitting") return [state, []];
  if (!admission.livekit || admission.expires_at <= now) return pause(state);
  return [
    { ...state, link: "joining" },
    [{ type: "join", url: admission.livekit.url, token: admission.livekit.token }],
  ];
}

function admissionFailed(state: PlayerState, code: string): Step {
  if (state.link !== "admitting") return [state, []];
  if (FINAL_CODES.has(code)) return stop({ ...state, mode: "refused", refusal: "access" });
  if (code === "not_found") return stop({ ...state, mode: "refused", refusal: "gone" });
  return pause(state);
}

function frames(state: PlayerState): Step {
  if (state.link !== "joined" && state.link !== "joining") return [state, []];
  if (state.mode === "realtime") return [state, []];
  return [{ ...state, mode: "realtime", seen: true, lost: null, slateSince: 0, attempt: 0 }, []];
}

function left(state: PlayerState, stage: boolean, now: number): Step {
  if (state.link !== "joined" && state.link !== "joining") return [state, []];
  const away: PlayerState = state.seen
    ? {
        ...state,
        mode: "slate",
        lost: state.lost ?? (stage ? "stage" : "own"),
        slateSince: state.slateSince || now,
      }
    : { ...state, mode: state.stream?.phase === "reconnecting" ? "slate" : "connecting" };
  return pause(away);
}

function pause(state: PlayerState): Step {
  return [
    { ...state, link: "waiting", attempt: state.attempt + 1 },
    [{ type: "pause", attempt: state.attempt }],
  ];
}

function retry(state: PlayerState, effects: PlayerEffect[]): Step {
  return [{ ...state, link: "admitting" }, [...effects, { type: "admit" }]];
}

function stop(state: PlayerState): Step {
  return [{ ...state, link: "none", attempt: 0, lost: null, slateSince: 0 }, dropLink(state)];
}

function dropLink(state: PlayerState): PlayerEffect[] {
  if (state.link === "none") return [];
  return state.link === "waiting" ? [{ type: "end_pause" }] : [{ type: "leave" }];
}

/** The element's `data-state`. */
export function shownState(state: PlayerState): "lobby" | "connecting" | "live" | "reconnecting" | "ended" {
  switch (state.mode) {
    case "idle":
    case "refused":
      return "lobby";
    case "connecting":
      return "connecting";
    case "realtime":
      return "live";
    case "slate":
      return "reconnecting";
    case "ended":
      return "ended";
  }
}
