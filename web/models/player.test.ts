import { describe, expect, it } from "vitest";
import type { Delivery, Stream } from "./live_state";
import {
  type Admission,
  INITIAL,
  isShowing,
  type PlayerEffect,
  type PlayerEvent,
  type PlayerState,
  player,
  shownDelivery,
  shownState,
} from "./player";

const NOW = 1_000_000;
const stream = (change: Partial<Stream> = {}): Stream => ({
  id: "s1",
  phase: "lobby",
  armed: false,
  starts_at: null,
  live_since: null,
  reconnecting_since: null,
  grace_until: null,
  ended_at: null,
  end_cause: null,
  ...change,
});
const heard = (
  change: Partial<Stream> | null,
  told: { delivery?: Delivery; within_ms?: number } = {},
): PlayerEvent => ({
  type: "state",
  stream: change === null ? null : stream(change),
  now: NOW,
  ...told,
});
const offer = (delivery: Delivery, expires_at = NOW + 60_000): Admission => ({
  delivery,
  livekit: delivery === "webrtc" ? { url: "ws://x", token: "t" } : null,
  hls: delivery === "hls" ? { url: "https://o/p.m3u8?token=a" } : null,
  expires_at,
  stream_id: "s1",
});
const admitted = (delivery: Delivery): PlayerEvent => ({
  type: "admitted",
  now: NOW,
  admission: offer(delivery),
});
const ADMITTED = admitted("webrtc");
const on = <T extends PlayerEvent["type"]>(type: T, source: number): PlayerEvent =>
  ({ type, source, now: NOW, stage: false }) as unknown as PlayerEvent;
const JOINED = on("joined", 1);
const FRAMES = on("frames", 1);
const LEFT = on("left", 1);
const PAUSE_OVER: PlayerEvent = { type: "pause_over", now: NOW };
const MOVE_DUE: PlayerEvent = { type: "move_due", now: NOW };
const LIVE = { phase: "live", armed: true } as const;

function run(
  events: PlayerEvent[],
  from: PlayerState = INITIAL,
): { state: PlayerState; last: PlayerEffect[]; all: PlayerEffect[] } {
  let state = from;
  let last: PlayerEffect[] = [];
  const all: PlayerEffect[] = [];
  for (const event of events) {
    [state, last] = player(state, event);
    all.push(...last);
  }
  return { state, last, all };
}
const live = () => run([heard(LIVE), ADMITTED, JOINED, FRAMES]).state;
const hls = () => run([heard(LIVE), admitted("hls"), JOINED, FRAMES]).state;
const switching = () =>
  run([heard(LIVE, { delivery: "hls", within_ms: 9 }), MOVE_DUE, admitted("hls"), on("joined", 2)], live())
    .state;

describe("player", () => {
  it("waits in the lobby without asking for anything", () => {
    const { state, all } = run([heard(null), heard({ phase: "scheduled" }), heard({ phase: "lobby" })]);
    expect(shownState(state)).toBe("lobby");
    expect(all).toEqual([]);
  });

  it("asks for admission the moment the creator presses Go live", () => {
    const { state, last } = run([heard({}), heard({ armed: true })]);
    expect(shownState(state)).toBe("connecting");
    expect(last).toEqual([{ type: "admit", failed: null }]);
  });

  it("asks once, however often it hears that the stream is on air", () => {
    const { all } = run([heard({ armed: true }), heard({ armed: true }), heard(LIVE)]);
    expect(all).toEqual([{ type: "admit", failed: null }]);
  });

  it("is live only with a painted frame", () => {
    const connected = run([heard(LIVE), ADMITTED, JOINED]).state;
    expect(shownState(connected)).toBe("connecting");
    expect(shownDelivery(connected)).toBe("");
    const [shown, effects] = player(connected, FRAMES);
    expect(shownState(shown)).toBe("live");
    expect(shownDelivery(shown)).toBe("webrtc");
    expect(effects).toEqual([{ type: "show", source: 1 }]);
  });

  it("shows a frame that comes before the server's word", () => {
    expect(shownState(run([heard({ armed: true }), ADMITTED, FRAMES]).state)).toBe("live");
  });

  it("keeps the connection and the place while the stage reconnects", () => {
    const { state, last } = run(
      [heard({ phase: "reconnecting", armed: true, reconnecting_since: NOW - 5_000 })],
      live(),
    );
    expect(shownState(state)).toBe("reconnecting");
    expect(shownDelivery(state)).toBe("webrtc");
    expect(state.lost).toBe("stage");
    expect(state.slateSince).toBe(NOW - 5_000);
    expect(last).toEqual([{ type: "watch_frames", source: 1, steady: true }]);
    const again = run([heard(LIVE)], state);
    expect(shownState(again.state)).toBe("reconnecting");
    expect(again.last).toEqual([{ type: "watch_frames", source: 1, steady: false }]);
    const back = run([FRAMES, heard(LIVE)], state);
    expect(shownState(back.state)).toBe("live");
    expect(back.all).toEqual([]);
  });

  it("stays with returning frames while the server still says reconnecting", () => {
    const r = { phase: "reconnecting", armed: true } as const;
    expect(shownState(run([heard(r), FRAMES, heard(r)], live()).state)).toBe("live");
  });

  it("keeps the slate over HLS until the stage is back, as HLS has frames without a stage", () => {
    const r = { phase: "reconnecting", armed: true } as const;
    const away = run([heard(r), FRAMES], hls()).state;
    expect(shownState(away)).toBe("reconnecting");
    expect(shownState(run([heard(LIVE), FRAMES], away).state)).toBe("live");
  });

  it("asks again with growing pauses after its own connection is lost, and says whose link it was", () => {
    const first = run([LEFT], live());
    expect(first.state.lost).toBe("own");
    expect(run([{ type: "left", source: 1, stage: true, now: NOW }], live()).state.lost).toBe("stage");
    expect(first.last).toEqual([
      { type: "stop", source: 1 },
      { type: "pause", attempt: 0 },
    ]);
    const second = run(
      [PAUSE_OVER, { type: "admission_failed", code: "unreachable", now: NOW }],
      first.state,
    );
    expect(second.all).toEqual([
      { type: "admit", failed: null },
      { type: "pause", attempt: 1 },
    ]);
    const back = run([PAUSE_OVER, ADMITTED, on("joined", 2), on("frames", 2)], second.state);
    expect(shownState(back.state)).toBe("live");
    expect(back.state.attempt).toBe(0);
  });

  it("does not wait any longer when the browser is back online", () => {
    const { last } = run([LEFT, { type: "online", now: NOW }], live());
    expect(last).toEqual([{ type: "end_pause" }, { type: "admit", failed: null }]);
  });

  it("stops for good when the stream ends, whatever it was doing", () => {
    for (const events of [[], [LEFT]] as PlayerEvent[][]) {
      const { state, last } = run([...events, heard({ phase: "ended" })], live());
      expect(shownState(state)).toBe("ended");
      expect(state.front).toBeNull();
      expect(last).toEqual([events.length ? { type: "end_pause" } : { type: "stop", source: 1 }]);
      expect(player(state, PAUSE_OVER)[1]).toEqual([]);
    }
  });

  it("drops the old connection and begins anew with the next stream", () => {
    const { state, last } = run([heard({ id: "s2", ...LIVE })], live());
    expect(last).toEqual([
      { type: "stop", source: 1 },
      { type: "admit", failed: null },
    ]);
    expect(state.seen).toBe(false);
    expect(shownState(state)).toBe("connecting");
  });

  it("ignores answers to questions it no longer asks", () => {
    const { state } = run([heard({ phase: "ended" })], live());
    for (const late of [ADMITTED, JOINED, FRAMES, LEFT]) expect(player(state, late)).toEqual([state, []]);
  });

  it("stops when access ends and never asks again", () => {
    const { state, last } = run([{ type: "refused", refusal: "access", now: NOW }], live());
    expect(last).toEqual([{ type: "stop", source: 1 }]);
    expect(player(state, heard(LIVE))).toEqual([state, []]);
  });

  it("takes a missing pass as final and a full queue as not", () => {
    const asked = run([heard(LIVE)]).state;
    expect(player(asked, { type: "admission_failed", code: "needs_pass", now: NOW })[0].mode).toBe("refused");
    expect(player(asked, { type: "admission_failed", code: "rate_limited", now: NOW })[1]).toEqual([
      { type: "pause", attempt: 0 },
    ]);
  });

  it("does not use an admission that has run out", () => {
    const asked = run([heard(LIVE)]).state;
    const late = { ...ADMITTED, now: NOW + 120_000 } as PlayerEvent;
    expect(player(asked, late)[1]).toEqual([{ type: "pause", attempt: 0 }]);
  });
});

describe("the move to the other delivery", () => {
  it("begins at a moment within the time given, asks anew, and starts the other beside the running one", () => {
    const told = run([heard(LIVE, { delivery: "hls", within_ms: 20_000 })], live());
    expect(told.last).toEqual([{ type: "move_later", within_ms: 20_000 }]);
    expect(shownDelivery(told.state)).toBe("webrtc");
    const { state, all } = run([MOVE_DUE, admitted("hls")], told.state);
    expect(all).toEqual([
      { type: "admit", failed: null },
      { type: "start", source: 2, delivery: "hls", url: "https://o/p.m3u8?token=a", token: "" },
      { type: "renew_later", source: 2, expires_at: NOW + 60_000, failed: false },
      { type: "guard", source: 2 },
    ]);
    expect(state.mode).toBe("switching");
    expect(shownState(state)).toBe("live");
    expect(shownDelivery(state)).toBe("webrtc");
  });

  it("does not draw another moment when it hears the same again", () => {
    const told = heard(LIVE, { delivery: "hls", within_ms: 20_000 });
    expect(run([told, told, told], live()).all).toHaveLength(1);
  });

  it("swaps only on the guard's word, and keeps the old one as the way back", () => {
    const before = switching();
    expect(player(before, on("frames", 2))).toEqual([before, []]);
    const { state, last } = run([on("ready", 2)], before);
    expect(last).toEqual([
      { type: "show", source: 2 },
      { type: "keep", source: 1 },
    ]);
    expect(state.mode).toBe("hls");
    expect(shownDelivery(state)).toBe("hls");
    const over = run([on("keep_over", 1)], state);
    expect(over.last).toEqual([{ type: "stop", source: 1 }]);
    expect(over.state.back).toBeNull();
  });

  it("stays where it is when the other one is not proved in time, and tries again later and later", () => {
    const first = run([on("unready", 2)], switching());
    expect(first.last).toEqual([
      { type: "stop", source: 2 },
      { type: "move_later", within_ms: 10_000 },
    ]);
    expect(first.state.mode).toBe("realtime");
    const second = run([MOVE_DUE, admitted("hls"), on("left", 3)], first.state);
    expect(second.last).toContainEqual({ type: "move_later", within_ms: 20_000 });
    expect(shownDelivery(second.state)).toBe("webrtc");
  });

  it("goes back at once when the new one stalls while the old one is still there", () => {
    const { state, last } = run([on("ready", 2), on("stalled", 2)], switching());
    expect(last).toEqual([
      { type: "show", source: 1 },
      { type: "stop", source: 2 },
      { type: "move_later", within_ms: 10_000 },
    ]);
    expect(state.mode).toBe("realtime");
  });

  it("takes what is warming when the old one dies", () => {
    const { state, last } = run([LEFT], switching());
    expect(state.mode).toBe("slate");
    expect(last).toEqual([
      { type: "stop", source: 1 },
      { type: "watch_frames", source: 2, steady: false },
    ]);
    expect(run([on("frames", 2)], state).last).toEqual([{ type: "show", source: 2 }]);
  });

  it("is called off when the server changes its mind, in every step of it", () => {
    const back = heard(LIVE, { delivery: "webrtc" });
    const told = run([heard(LIVE, { delivery: "hls", within_ms: 9 })], live()).state;
    expect(run([back], told).last).toEqual([{ type: "end_move" }]);
    expect(run([MOVE_DUE, back, admitted("hls")], told).state.back).toBeNull();
    expect(run([back], switching()).last).toEqual([{ type: "stop", source: 2 }]);
  });

  it("does not take somebody who watches an earlier part to where there is none", () => {
    const rewound = run([{ type: "rewound", on: true, now: NOW }], hls()).state;
    const told = run([heard(LIVE, { delivery: "webrtc", within_ms: 5 })], rewound);
    expect(told.all).toEqual([]);
    const { last } = run([{ type: "rewound", on: false, now: NOW }], told.state);
    expect(last).toEqual([{ type: "move_later", within_ms: 0 }]);
  });

  it("may come for one viewer alone", () => {
    const { last } = run([{ type: "told", delivery: "hls", within_ms: 300, now: NOW }], live());
    expect(last).toEqual([{ type: "move_later", within_ms: 300 }]);
  });
});

describe("HLS that fails", () => {
  it("shows the slate, says what failed, and comes back by itself when frames flow again", () => {
    const { state, last } = run([on("stalled", 1)], hls());
    expect(shownState(state)).toBe("reconnecting");
    expect(state.lost).toBe("source");
    expect(last).toEqual([
      { type: "watch_frames", source: 1, steady: true },
      { type: "admit", failed: "hls" },
    ]);
    expect(run([FRAMES], state).state.mode).toBe("hls");
  });

  it("is rescued by WebRTC with its first frame", () => {
    const { state, all } = run([on("stalled", 1), ADMITTED, on("joined", 2), on("frames", 2)], hls());
    expect(state.mode).toBe("realtime");
    expect(all.slice(-2)).toEqual([
      { type: "show", source: 2 },
      { type: "stop", source: 1 },
    ]);
  });

  it("takes fresh addresses first, and is started anew when they do not help", () => {
    let { state, last } = run([on("stalled", 1)], hls());
    for (let attempt = 0; attempt < 2; attempt += 1) {
      ({ state, last } = run([admitted("hls")], state));
      expect(last.map((effect) => effect.type)).toEqual(["renew", "pause"]);
      ({ state } = run([PAUSE_OVER], state));
    }
    ({ state, last } = run([admitted("hls")], state));
    expect(last.map((effect) => effect.type)).toEqual(["stop", "start", "renew_later"]);
    expect(shownDelivery(state)).toBe("");
    // Nor may the new one hang for ever.
    expect(run([on("stalled", 2)], state).last).toContainEqual({ type: "admit", failed: "hls" });
  });

  it("asks for another way when its engine gives up", () => {
    const { last, state } = run([LEFT, PAUSE_OVER], hls());
    expect(last).toEqual([{ type: "admit", failed: "hls" }]);
    expect(state.mode).toBe("slate");
  });

  it("is not blamed while the stage itself is away", () => {
    const away = run([heard({ phase: "reconnecting", armed: true })], hls()).state;
    expect(player(away, on("stalled", 1))).toEqual([away, []]);
  });
});

describe("token renewal", () => {
  const answer = (admission: Admission): PlayerEvent => ({ type: "renewed", source: 1, admission, now: NOW });
  it("hands the new address to the running engine and plans the next one", () => {
    const { state, all } = run([on("renew_due", 1), answer(offer("hls", NOW + 300_000))], hls());
    expect(all).toEqual([
      { type: "ask_renewal", source: 1 },
      { type: "renew", source: 1, url: "https://o/p.m3u8?token=a", expires_at: NOW + 300_000 },
      { type: "renew_later", source: 1, expires_at: NOW + 300_000, failed: false },
    ]);
    expect(state.mode).toBe("hls");
  });

  it("tries soon again after a failure, and stops for good when access has ended", () => {
    const failed = (code: string): PlayerEvent => ({ type: "renewal_failed", source: 1, code, now: NOW });
    expect(run([failed("unreachable")], hls()).last).toEqual([
      { type: "renew_later", source: 1, expires_at: NOW, failed: true },
    ]);
    const ended = run([failed("pass_revoked")], hls());
    expect(ended.state.mode).toBe("refused");
    expect(ended.last).toEqual([{ type: "stop", source: 1 }]);
  });

  it("takes an offer of the other delivery as the wish to move", () => {
    const { last } = run([answer(offer("webrtc"))], hls());
    expect(last).toContainEqual({ type: "move_later", within_ms: 0 });
  });

  it("starts a second one beside an engine that cannot take it while it runs", () => {
    const event: PlayerEvent = { type: "replace", source: 1, url: "u", expires_at: NOW + 9, now: NOW };
    const { state, last } = run([event, on("ready", 2)], hls());
    expect(last).toEqual([
      { type: "show", source: 2 },
      { type: "keep", source: 1 },
    ]);
    expect(shownDelivery(state)).toBe("hls");
  });
});

/** A small seeded generator (mulberry32), so that a failure can be played again. */
function randomFrom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What the effects do to the world: which sources run, and which may be heard. */
class World {
  running = new Map<number, { delivery: Delivery; muted: boolean }>();
  pauses = false;
  moves = false;
  wrong = "";
  apply(effect: PlayerEffect): void {
    if ("source" in effect && effect.type !== "start" && !this.running.has(effect.source))
      this.wrong = `${effect.type} of what does not run`;
    if (effect.type === "start") {
      if (this.running.has(effect.source)) this.wrong = "started twice";
      this.running.set(effect.source, { delivery: effect.delivery, muted: true });
    } else if (effect.type === "stop") this.running.delete(effect.source);
    else if (effect.type === "show") for (const [id, one] of this.running) one.muted = id !== effect.source;
    else if (effect.type === "pause") this.pauses = true;
    else if (effect.type === "end_pause") this.pauses = false;
    else if (effect.type === "move_later") this.moves = true;
    else if (effect.type === "end_move") this.moves = false;
  }

  /** The promise that does not hold, "" when all do. */
  broken(state: PlayerState): string {
    const heardNow = [...this.running].filter(([, one]) => !one.muted).map(([id]) => id);
    const mine = [state.front, state.back].flatMap((one) => (one ? [one] : []));
    const kind = state.front?.delivery === "hls" ? "hls" : "realtime";
    const waits = state.mode === "connecting" || state.mode === "slate";
    if (this.wrong) return this.wrong;
    if (heardNow.length > 1) return "one sound at most";
    if (isShowing(state) && (heardNow.length !== 1 || heardNow[0] !== state.shown))
      return "what is shown is heard";
    if (isShowing(state) && state.shown !== state.front?.id) return "what is shown is in front";
    if (isShowing(state) && shownDelivery(state) !== state.front?.delivery) return "the delivery is true";
    if (isShowing(state) && state.mode !== "switching" && state.mode !== kind) return "the mode is true";
    if (
      [...this.running.keys()].sort().join() !==
      mine
        .map((one) => one.id)
        .sort()
        .join()
    )
      return "nothing runs that is not known";
    if (mine.filter((one) => one.delivery === "webrtc").length > 1) return "one room at most";
    if ((state.role === null) !== (state.back === null)) return "the second one has a role";
    if (state.mode === "switching" && state.role !== "warming") return "switching means one is warming";
    if (["ended", "idle", "refused"].includes(state.mode) && this.running.size > 0)
      return "nothing runs after the end";
    if (state.ask === "waiting" && !this.pauses) return "waiting means a pause runs";
    if (state.moving && !this.moves) return "moving means a moment is drawn";
    if (waits && state.ask === "none" && !state.front) return "nobody waits for nothing";
    return "";
  }
}

function anyEvent(random: () => number, state: PlayerState): PlayerEvent {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const source = pick([state.front?.id ?? 1, state.back?.id ?? 1, Math.max(1, state.made - 2)]);
  const delivery = pick(["webrtc", "hls"] as const);
  if (state.mode === "ended" || random() < 0.01)
    return heard({
      id: state.mode === "ended" ? `s${state.made}` : "s1",
      phase: state.mode === "ended" ? "live" : "ended",
    });
  const phase = pick([
    "live",
    "live",
    "live",
    "live",
    "live",
    "live",
    "live",
    "reconnecting",
    "lobby",
  ] as const);
  // Every second event is the one that is waited for, so that the walk gets somewhere.
  const { front, back } = state;
  if (random() < 0.5) {
    if (state.ask === "asking") return { type: "admitted", admission: offer(delivery), now: NOW };
    if (state.ask === "waiting") return PAUSE_OVER;
    if (state.moving) return MOVE_DUE;
    if (back && state.role === "warming") return on(pick(["ready", "frames"]), back.id);
    if (front && !isShowing(state)) return on("frames", front.id);
  }
  const word = random() < 0.5 ? { delivery, within_ms: 5 } : {};
  const id = random() < 0.03 ? "s2" : (state.stream?.id ?? "s1");
  const code = pick(["unreachable", "unreachable", "rate_limited", "not_live"]);
  const admission = pick([offer(delivery), offer(delivery), offer(delivery, NOW - 1)]);
  const events: PlayerEvent[] = [
    heard({ id, phase, armed: true }, word),
    { type: "told", delivery, within_ms: 5, now: NOW },
    MOVE_DUE,
    { type: "admitted", admission, now: NOW },
    { type: "admitted", admission: offer(delivery), now: NOW },
    { type: "admission_failed", code, now: NOW },
    on("joined", source),
    on("frames", source),
    on("frames", source),
    on("ready", source),
    on("unready", source),
    on("stalled", source),
    { type: "left", source, stage: random() < 0.3, now: NOW },
    on("keep_over", source),
    PAUSE_OVER,
    on("renew_due", source),
    { type: "renewed", source, admission, now: NOW },
    { type: "renewal_failed", source, code, now: NOW },
    { type: "replace", source, url: "u", expires_at: NOW + 9, now: NOW },
    { type: "rewound", on: random() < 0.5, now: NOW },
    { type: "online", now: NOW },
  ];
  return pick(events);
}

describe("whatever happens, in whatever order", () => {
  it("there is one sound, one truth about the delivery, and nothing left running", () => {
    let swaps = 0;
    for (let seed = 1; seed <= 1_000; seed += 1) {
      const random = randomFrom(seed);
      const world = new World();
      let state = INITIAL;
      for (let step = 0; step < 250; step += 1) {
        const event = anyEvent(random, state);
        if (event.type === "pause_over") world.pauses = false;
        if (event.type === "move_due") world.moves = false;
        const [next, effects] = player(state, event);
        for (const effect of effects) world.apply(effect);
        if (next.shown !== null && next.shown !== state.shown) swaps += 1;
        state = next;
        const broken = world.broken(state);
        if (broken) throw new Error(`${broken}: seed ${seed}, step ${step}, ${JSON.stringify(event)}`);
      }
    }
    expect(swaps).toBeGreaterThan(5_000);
  });
});
