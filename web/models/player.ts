import { type Delivery, isOver, onAir } from "./live_state";
import {
  type Admission,
  INITIAL,
  type Mode,
  type PlayerEffect,
  type PlayerEvent,
  type PlayerState,
  type Source,
  type Step,
} from "./player_state";

export * from "./player_state";

/** Refusals that asking again cannot change. */
const FINAL_CODES = new Set(["needs_pass", "pass_expired", "pass_revoked", "suspended"]);
/** A failed source that runs on is given this many fresh admissions before it is started anew. */
const RESCUES_MAX = 2;
/** A move that went wrong is tried again within twice this, then four times, up to the most, ms. */
const AGAIN_MS = 5_000;
const AGAIN_MS_MAX = 60_000;

export function player(state: PlayerState, event: PlayerEvent): Step {
  if (state.mode === "refused") return [state, []];
  switch (event.type) {
    case "state":
      return heard(state, event);
    case "told":
      return told({ ...state, told: event.delivery }, event.within_ms);
    case "move_due":
      return moveDue(state);
    case "admitted":
      return admitted(state, event.admission, event.now);
    case "admission_failed":
      return admissionFailed(state, event.code);
    case "joined":
      return joined(state, event.source);
    case "frames":
      return frames(state, event.source);
    case "ready":
      return isWarming(state, event.source) && state.mode === "switching" ? swapped(state) : [state, []];
    case "unready":
      return isWarming(state, event.source) ? unready(state) : [state, []];
    case "stalled":
      return state.front?.id === event.source ? stalled(state, event.now) : [state, []];
    case "left":
      return left(state, event.source, event.stage, event.now);
    case "keep_over":
      return state.role === "kept" && state.back?.id === event.source
        ? dropBack({ ...state, misses: 0 })
        : [state, []];
    case "pause_over":
      return state.ask === "waiting" ? retry(state, []) : [state, []];
    case "online":
      return state.ask === "waiting" ? retry({ ...state, attempt: 0 }, [{ type: "end_pause" }]) : [state, []];
    case "renew_due":
      return find(state, event.source)?.delivery === "hls"
        ? [state, [{ type: "ask_renewal", source: event.source }]]
        : [state, []];
    case "renewed":
      return renewed(state, event.source, event.admission, event.now);
    case "renewal_failed":
      return renewalFailed(state, event.source, event.code, event.now);
    case "replace":
      return replace(state, event.source, event.url, event.expires_at);
    case "rewound":
      return told({ ...state, rewound: event.on }, 0);
    case "refused":
      return stop({ ...state, mode: "refused", refusal: event.refusal });
  }
}

function heard(before: PlayerState, event: Extract<PlayerEvent, { type: "state" }>): Step {
  const { stream, now } = event;
  const other = (before.stream?.id ?? null) !== (stream?.id ?? null);
  const cleared = other ? dropAll(before) : [];
  const state: PlayerState = other
    ? { ...INITIAL, stream, made: before.made, told: event.delivery ?? null }
    : { ...before, stream, told: event.delivery ?? before.told };
  if (isOver(stream)) return also(cleared, stop({ ...state, mode: "ended" }));
  if (!onAir(stream)) return also(cleared, stop({ ...state, mode: "idle", seen: false }));
  const effects = [...cleared];
  let next = state;
  const front = state.front;
  if (stream?.phase === "reconnecting" && before.stream?.phase !== "reconnecting") {
    next = { ...next, mode: "slate", lost: "stage", slateSince: stream.reconnecting_since ?? now };
    if (front?.joined) effects.push({ type: "watch_frames", source: front.id, steady: true });
  } else if (stream?.phase === "reconnecting" && !isShowing(next)) {
    next = {
      ...next,
      mode: "slate",
      lost: next.lost ?? "stage",
      slateSince: next.slateSince || (stream.reconnecting_since ?? now),
    };
  } else if (stream?.phase === "live" && before.stream?.phase === "reconnecting" && next.mode === "slate") {
    if (front?.joined) effects.push({ type: "watch_frames", source: front.id, steady: false });
  } else if (next.mode === "idle" || next.mode === "ended") {
    next = { ...next, mode: "connecting" };
  }
  if (next.ask === "none" && next.front === null) {
    next = { ...next, ask: "asking", why: "start" };
    effects.push({ type: "admit", failed: null });
  }
  return also(effects, told(next, event.within_ms ?? 0));
}

/** Draws, keeps or cancels the move, after the server's word or ours has changed. */
function told(state: PlayerState, within_ms: number): Step {
  const wanted = state.told;
  const front = state.front;
  if (front && wanted === front.delivery) {
    const effects: PlayerEffect[] = [];
    let next = state;
    if (next.moving) effects.push({ type: "end_move" });
    next = { ...next, moving: false };
    if (next.why === "move" && next.ask !== "none") {
      if (next.ask === "waiting") effects.push({ type: "end_pause" });
      next = { ...next, ask: "none" };
    }
    if (next.mode === "switching" && next.back && next.back.delivery !== wanted)
      return also(effects, dropBack({ ...next, mode: shows(front) }));
    return [next, effects];
  }
  if (!wanted || !front || !mayMove(state) || state.moving) return [state, []];
  return [{ ...state, moving: true }, [{ type: "move_later", within_ms }]];
}

/** Frames are shown, nothing else is under way, and the viewer would lose nothing. */
function mayMove(state: PlayerState): boolean {
  if (state.mode !== "realtime" && state.mode !== "hls") return false;
  return state.ask === "none" && !(state.rewound && state.told === "webrtc");
}

function moveDue(state: PlayerState): Step {
  if (!state.moving) return [state, []];
  const next = { ...state, moving: false };
  if (!mayMove(next) || !next.front || !next.told || next.told === next.front.delivery) return [next, []];
  return also(next.role === "kept" && next.back ? [{ type: "stop", source: next.back.id }] : [], [
    { ...next, back: null, role: null, ask: "asking", why: "move" },
    [{ type: "admit", failed: null }],
  ]);
}

function admitted(state: PlayerState, admission: Admission, now: number): Step {
  if (state.ask !== "asking") return [state, []];
  const offer = offerOf(admission, now);
  if (!offer) return pause(state);
  const front = state.front;
  const asked: PlayerState = { ...state, ask: "none", told: state.told ? offer.delivery : null };
  if (!front) {
    const [made, effects] = make(asked, offer);
    return [{ ...made, front: made.back, back: null, role: null }, effects];
  }
  // Told to move, and the answer is to stay.
  if (state.why !== "rescue" && offer.delivery === front.delivery) return [asked, []];
  if (state.why !== "rescue") {
    const [made, effects] = make(asked, offer);
    const id = made.back?.id ?? 0;
    return [{ ...made, mode: "switching" }, [...effects, { type: "guard", source: id }]];
  }
  if (offer.delivery === front.delivery && state.attempt < RESCUES_MAX && offer.delivery === "hls")
    return also(
      [{ type: "renew", source: front.id, url: offer.url, expires_at: offer.expires_at }],
      pause(asked),
    );
  if (offer.delivery === front.delivery) {
    const [made, effects] = make({ ...asked, attempt: 0 }, offer);
    return [
      { ...made, front: made.back, back: null, role: null, shown: null },
      [{ type: "stop", source: front.id }, ...effects],
    ];
  }
  const [made, effects] = make(asked, offer);
  const id = made.back?.id ?? 0;
  return [made, [...effects, { type: "watch_frames", source: id, steady: false }]];
}

interface Offer {
  delivery: Delivery;
  url: string;
  token: string;
  expires_at: number;
}

/** What an admission really offers; null when it offers nothing that can be used now. */
function offerOf(admission: Admission, now: number): Offer | null {
  const { livekit, hls, expires_at } = admission;
  if (expires_at <= now) return null;
  if (admission.delivery === "hls" && hls) return { delivery: "hls", url: hls.url, token: "", expires_at };
  if (admission.delivery === "webrtc" && livekit)
    return { delivery: "webrtc", url: livekit.url, token: livekit.token, expires_at };
  return null;
}

/** A new source as `back`. */
function make(state: PlayerState, offer: Offer): Step {
  const id = state.made + 1;
  const back: Source = { id, delivery: offer.delivery, joined: false };
  const effects: PlayerEffect[] = [
    { type: "start", source: id, delivery: offer.delivery, url: offer.url, token: offer.token },
  ];
  if (offer.delivery === "hls")
    effects.push({ type: "renew_later", source: id, expires_at: offer.expires_at, failed: false });
  return [{ ...state, made: id, back, role: "warming" }, effects];
}

function admissionFailed(state: PlayerState, code: string): Step {
  if (state.ask !== "asking") return [state, []];
  return final(state, code) ?? pause(state);
}

function final(state: PlayerState, code: string): Step | null {
  if (FINAL_CODES.has(code)) return stop({ ...state, mode: "refused", refusal: "access" });
  if (code === "not_found") return stop({ ...state, mode: "refused", refusal: "gone" });
  return null;
}

function joined(state: PlayerState, id: number): Step {
  const { front, back } = state;
  if (back?.id === id) return [{ ...state, back: { ...back, joined: true } }, []];
  if (front?.id !== id || front.joined) return [state, []];
  return [
    { ...state, front: { ...front, joined: true }, attempt: 0 },
    [{ type: "watch_frames", source: id, steady: state.stream?.phase === "reconnecting" }],
  ];
}

function frames(state: PlayerState, id: number): Step {
  const { front, back } = state;
  if (isShowing(state) || !front) return [state, []];
  const saved = back?.id === id && state.role === "warming";
  if (!saved && front.id !== id) return [state, []];
  const source = saved ? back : front;
  // HLS goes on for a while after the stage is gone, and may carry a picture in its place: the server says when it is back.
  if (source.delivery === "hls" && state.stream?.phase === "reconnecting") return [state, []];
  const effects: PlayerEffect[] = [];
  if (state.ask === "waiting") effects.push({ type: "end_pause" });
  if (state.shown !== id) effects.push({ type: "show", source: id });
  // Whatever else was under way is not needed any more.
  const rest = saved ? front : state.role === "warming" ? back : null;
  if (rest) effects.push({ type: "stop", source: rest.id });
  const kept = !saved && state.role === "kept";
  const playing: PlayerState = {
    ...state,
    mode: shows(source),
    ask: "none",
    front: source,
    back: kept ? back : null,
    role: kept ? "kept" : null,
    shown: id,
    seen: true,
    lost: null,
    slateSince: 0,
    attempt: 0,
  };
  return also(effects, told(playing, 0));
}

/** The warming source is proved: on top with it; the old one stays for a while as the way back. */
function swapped(state: PlayerState): Step {
  const { front, back } = state;
  if (!front || !back) return [state, []];
  const next: PlayerState = {
    ...state,
    mode: shows(back),
    front: back,
    back: front,
    role: "kept",
    shown: back.id,
    attempt: 0,
  };
  return also(
    [
      { type: "show", source: back.id },
      { type: "keep", source: front.id },
    ],
    told(next, 0),
  );
}

/** The warming source is no good: stay, and ask again later. */
function unready(state: PlayerState): Step {
  const [next, effects] = dropBack(state);
  if (state.mode === "switching" && next.front)
    return also(effects, moveAgain({ ...next, mode: shows(next.front) }));
  // On the slate: without it the rescue begins anew; one that was only on its way waits for the stage.
  if (state.why === "rescue" || !next.front) return also(effects, pause({ ...next, why: "rescue" }));
  return [next, effects];
}

function stalled(state: PlayerState, now: number): Step {
  const { front, back } = state;
  // WebRTC without frames is a camera that is off; its end comes as `left`. A stage that is gone has nothing to show.
  if (!front || front.delivery === "webrtc" || state.stream?.phase === "reconnecting") return [state, []];
  if (!isShowing(state) && (state.ask !== "none" || state.role === "warming")) return [state, []];
  if (state.role === "kept" && back) return wentBack(state, front, back);
  const effects: PlayerEffect[] = [];
  if (state.moving) effects.push({ type: "end_move" });
  let next: PlayerState = { ...state, moving: false };
  if (isShowing(state)) next = { ...next, mode: "slate", lost: "source", slateSince: now };
  effects.push({ type: "watch_frames", source: front.id, steady: true });
  if (back) {
    // What was warming is the rescue now.
    effects.push({ type: "watch_frames", source: back.id, steady: false });
    return [{ ...next, why: "rescue" }, effects];
  }
  if (state.ask === "waiting") effects.push({ type: "end_pause" });
  return [{ ...next, ask: "asking", why: "rescue" }, [...effects, { type: "admit", failed: front.delivery }]];
}

/** The new one failed while the old one was still there. */
function wentBack(state: PlayerState, front: Source, back: Source): Step {
  const effects: PlayerEffect[] = [
    { type: "show", source: back.id },
    { type: "stop", source: front.id },
  ];
  if (state.moving) effects.push({ type: "end_move" });
  if (state.ask === "waiting") effects.push({ type: "end_pause" });
  const next: PlayerState = {
    ...state,
    mode: shows(back),
    moving: false,
    ask: "none",
    front: back,
    back: null,
    role: null,
    shown: back.id,
    lost: null,
    slateSince: 0,
  };
  return also(effects, moveAgain(next));
}

/** A move went wrong: the next try comes later each time. */
function moveAgain(state: PlayerState): Step {
  const misses = state.misses + 1;
  const next: PlayerState = { ...state, misses, moving: false };
  if (!state.told || state.told === state.front?.delivery) return [next, []];
  const within_ms = Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** Math.min(misses, 8));
  return [{ ...next, moving: true }, [{ type: "move_later", within_ms }]];
}

function left(state: PlayerState, id: number, stage: boolean, now: number): Step {
  const { front, back, role } = state;
  if (back?.id === id) return role === "kept" ? dropBack(state) : unready(state);
  if (front?.id !== id) return [state, []];
  if (role === "kept" && back && state.stream?.phase !== "reconnecting") return wentBack(state, front, back);
  const effects: PlayerEffect[] = [{ type: "stop", source: id }];
  if (state.moving) effects.push({ type: "end_move" });
  const away: PlayerState = {
    ...state,
    moving: false,
    mode: state.seen || state.stream?.phase === "reconnecting" ? "slate" : "connecting",
    lost: state.seen
      ? (state.lost ?? (stage ? "stage" : front.delivery === "hls" ? "source" : "own"))
      : state.lost,
    slateSince: state.seen ? state.slateSince || now : state.slateSince,
    front: back,
    back: null,
    role: null,
    shown: state.shown === id ? null : state.shown,
  };
  if (back) return [away, [...effects, { type: "watch_frames", source: back.id, steady: false }]];
  // Already asked: the answer is the next source.
  if (state.ask === "asking" || state.ask === "waiting") return [away, effects];
  return also(effects, pause({ ...away, why: front.delivery === "hls" ? "rescue" : "start" }));
}

function renewed(state: PlayerState, id: number, admission: Admission, now: number): Step {
  if (find(state, id)?.delivery !== "hls") return [state, []];
  const offer = offerOf(admission, now);
  if (offer?.delivery === "hls")
    return [
      state,
      [
        { type: "renew", source: id, url: offer.url, expires_at: offer.expires_at },
        { type: "renew_later", source: id, expires_at: offer.expires_at, failed: false },
      ],
    ];
  const later: PlayerEffect = { type: "renew_later", source: id, expires_at: now, failed: true };
  return also([later], offer ? told({ ...state, told: offer.delivery }, 0) : [state, []]);
}

function renewalFailed(state: PlayerState, id: number, code: string, now: number): Step {
  if (!find(state, id)) return [state, []];
  return final(state, code) ?? [state, [{ type: "renew_later", source: id, expires_at: now, failed: true }]];
}

function replace(state: PlayerState, id: number, url: string, expires_at: number): Step {
  if (state.front?.id !== id || state.mode !== "hls" || state.ask !== "none" || state.moving)
    return [state, []];
  const dropped: PlayerEffect[] = state.back ? [{ type: "stop", source: state.back.id }] : [];
  const [made, effects] = make(state, { delivery: "hls", url, token: "", expires_at });
  return [{ ...made, mode: "switching" }, [...dropped, ...effects, { type: "guard", source: made.made }]];
}

function pause(state: PlayerState): Step {
  return [
    { ...state, ask: "waiting", attempt: state.attempt + 1 },
    [{ type: "pause", attempt: state.attempt }],
  ];
}

function retry(state: PlayerState, effects: PlayerEffect[]): Step {
  const idle: PlayerState = { ...state, ask: "none" };
  if (state.why === "move" && state.front) {
    // Asked of the rule for moves again, as the wish may have gone meanwhile.
    const [next, moves] = told(idle, 0);
    return [next, [...effects, ...moves]];
  }
  const failed = state.why === "rescue" ? "hls" : null;
  return [{ ...state, ask: "asking" }, [...effects, { type: "admit", failed }]];
}

function dropBack(state: PlayerState): Step {
  const effects: PlayerEffect[] = state.back ? [{ type: "stop", source: state.back.id }] : [];
  return [{ ...state, back: null, role: null }, effects];
}

function stop(state: PlayerState): Step {
  return [
    {
      ...state,
      ask: "none",
      front: null,
      back: null,
      role: null,
      shown: null,
      moving: false,
      rewound: false,
      attempt: 0,
      lost: null,
      slateSince: 0,
    },
    dropAll(state),
  ];
}

function dropAll(state: PlayerState): PlayerEffect[] {
  const effects: PlayerEffect[] = [];
  for (const source of [state.front, state.back])
    if (source) effects.push({ type: "stop", source: source.id });
  if (state.ask === "waiting") effects.push({ type: "end_pause" });
  if (state.moving) effects.push({ type: "end_move" });
  return effects;
}

function also(effects: PlayerEffect[], [state, more]: Step): Step {
  return [state, [...effects, ...more]];
}

function find(state: PlayerState, id: number): Source | null {
  if (state.front?.id === id) return state.front;
  return state.back?.id === id ? state.back : null;
}

function isWarming(state: PlayerState, id: number): boolean {
  return state.role === "warming" && state.back?.id === id;
}

function shows(source: Source): Mode {
  return source.delivery === "webrtc" ? "realtime" : "hls";
}

/** Frames of a source are on screen, nothing over them. */
export function isShowing(state: PlayerState): boolean {
  return state.mode === "realtime" || state.mode === "hls" || state.mode === "switching";
}

/** The element's `data-delivery`: whose picture is on screen; "" when nobody's. */
export function shownDelivery(state: PlayerState): Delivery | "" {
  return state.shown === null ? "" : (find(state, state.shown)?.delivery ?? "");
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
    case "hls":
    case "switching":
      return "live";
    case "slate":
      return "reconnecting";
    case "ended":
      return "ended";
  }
}
