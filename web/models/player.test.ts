import { describe, expect, it } from "vitest";
import type { Stream } from "./live_state";
import { INITIAL, type PlayerEffect, type PlayerEvent, type PlayerState, player, shownState } from "./player";

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
const heard = (change: Partial<Stream> | null): PlayerEvent => ({
  type: "state",
  stream: change === null ? null : stream(change),
  now: NOW,
});
const ADMITTED: PlayerEvent = {
  type: "admitted",
  now: NOW,
  admission: {
    delivery: "webrtc",
    livekit: { url: "ws://x", token: "t" },
    expires_at: NOW + 60_000,
    stream_id: "s1",
  },
};
const JOINED: PlayerEvent = { type: "joined", now: NOW };
const FRAMES: PlayerEvent = { type: "frames", now: NOW };
const LEFT: PlayerEvent = { type: "left", stage: false, now: NOW };
const PAUSE_OVER: PlayerEvent = { type: "pause_over", now: NOW };

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
const live = () => run([heard({ phase: "live", armed: true }), ADMITTED, JOINED, FRAMES]).state;

describe("player", () => {
  it("waits in the lobby without asking for anything", () => {
    const { state, all } = run([heard(null), heard({ phase: "scheduled" }), heard({ phase: "lobby" })]);
    expect(shownState(state)).toBe("lobby");
    expect(all).toEqual([]);
  });

  it("asks for admission the moment the creator presses Go live", () => {
    const { state, last } = run([heard({}), heard({ armed: true })]);
    expect(shownState(state)).toBe("connecting");
    expect(last).toEqual([{ type: "admit" }]);
  });

  it("asks once, however often it hears that the stream is on air", () => {
    const { all } = run([
      heard({ armed: true }),
      heard({ armed: true }),
      heard({ phase: "live", armed: true }),
    ]);
    expect(all).toEqual([{ type: "admit" }]);
  });

  it("is live only with a painted frame", () => {
    const connected = run([heard({ phase: "live", armed: true }), ADMITTED, JOINED]).state;
    expect(shownState(connected)).toBe("connecting");
    expect(shownState(player(connected, FRAMES)[0])).toBe("live");
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
    expect(state.lost).toBe("stage");
    expect(state.slateSince).toBe(NOW - 5_000);
    expect(last).toEqual([{ type: "watch_frames", steady: true }]);
    const again = run([heard({ phase: "live", armed: true })], state);
    expect(shownState(again.state)).toBe("reconnecting");
    expect(again.last).toEqual([{ type: "watch_frames", steady: false }]);
    const back = run([FRAMES, heard({ phase: "live", armed: true })], state);
    expect(shownState(back.state)).toBe("live");
    expect(back.all).toEqual([]);
  });

  it("stays with returning frames while the server still says reconnecting", () => {
    const r = { phase: "reconnecting", armed: true } as const;
    expect(shownState(run([heard(r), FRAMES, heard(r)], live()).state)).toBe("live");
  });

  it("asks again with growing pauses after its own connection is lost, and says whose link it was", () => {
    const first = run([LEFT], live());
    expect(first.state.lost).toBe("own");
    expect(run([{ type: "left", stage: true, now: NOW }], live()).state.lost).toBe("stage");
    expect(first.last).toEqual([{ type: "pause", attempt: 0 }]);
    const second = run(
      [PAUSE_OVER, { type: "admission_failed", code: "unreachable", now: NOW }],
      first.state,
    );
    expect(second.all).toEqual([{ type: "admit" }, { type: "pause", attempt: 1 }]);
    const back = run([PAUSE_OVER, ADMITTED, JOINED, FRAMES], second.state);
    expect(shownState(back.state)).toBe("live");
    expect(back.state.attempt).toBe(0);
  });

  it("does not wait any longer when the browser is back online", () => {
    const { last } = run([LEFT, { type: "online", now: NOW }], live());
    expect(last).toEqual([{ type: "end_pause" }, { type: "admit" }]);
  });

  it("stops for good when the stream ends, whatever it was doing", () => {
    for (const events of [[], [LEFT]] as PlayerEvent[][]) {
      const { state, last } = run([...events, heard({ phase: "ended" })], live());
      expect(shownState(state)).toBe("ended");
      expect(state.link).toBe("none");
      expect(last).toEqual([{ type: events.length ? "end_pause" : "leave" }]);
      expect(player(state, PAUSE_OVER)[1]).toEqual([]);
    }
  });

  it("drops the old connection and begins anew with the next stream", () => {
    const { state, last } = run([heard({ id: "s2", phase: "live", armed: true })], live());
    expect(last).toEqual([{ type: "leave" }, { type: "admit" }]);
    expect(state.seen).toBe(false);
    expect(shownState(state)).toBe("connecting");
  });

  it("ignores answers to questions it no longer asks", () => {
    const { state } = run([heard({ phase: "ended" })], live());
    for (const late of [ADMITTED, JOINED, FRAMES, LEFT]) expect(player(state, late)).toEqual([state, []]);
  });

  it("stops when access ends and never asks again", () => {
    const { state, last } = run([{ type: "refused", refusal: "access", now: NOW }], live());
    expect(last).toEqual([{ type: "leave" }]);
    expect(player(state, heard({ phase: "live", armed: true }))).toEqual([state, []]);
  });

  it("takes a missing pass as final and a full queue as not", () => {
    const asked = run([heard({ phase: "live", armed: true })]).state;
    expect(player(asked, { type: "admission_failed", code: "needs_pass", now: NOW })[0].mode).toBe("refused");
    expect(player(asked, { type: "admission_failed", code: "rate_limited", now: NOW })[1]).toEqual([
      { type: "pause", attempt: 0 },
    ]);
  });

  it("does not use an admission that has run out", () => {
    const asked = run([heard({ phase: "live", armed: true })]).state;
    const late = { ...ADMITTED, now: NOW + 120_000 };
    expect(player(asked, late)[1]).toEqual([{ type: "pause", attempt: 0 }]);
  });
});
