import { describe, expect, it } from "vitest";
import type { Stream } from "./live_state";
import { STUDIO_INITIAL, type StudioEffect, type StudioEvent, type StudioState, studio } from "./studio";

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
const heard = (change: Partial<Stream> | null, mine = false): StudioEvent => ({
  type: "state",
  stream: change === null ? null : stream(change),
  mine,
});
const token = { stream_id: "s1", livekit: { url: "ws://x", token: "t" }, identity: "host:u" };
const TOKEN: StudioEvent = { type: "token", token };
const LOST: StudioEvent = { type: "dropped", elsewhere: false };

function run(
  events: StudioEvent[],
  from: StudioState = STUDIO_INITIAL,
): { state: StudioState; last: StudioEffect[] } {
  let state = from;
  let last: StudioEffect[] = [];
  for (const event of events) [state, last] = studio(state, event);
  return { state, last };
}
const onStage = () =>
  run([heard({}), { type: "go_live" }, heard({ armed: true }), TOKEN, { type: "published" }]).state;

describe("studio", () => {
  it("goes live by one press: token, publish, tell the server", () => {
    const asked = run([heard({}), { type: "go_live" }]);
    expect(asked.last).toEqual([{ type: "ask_go_live" }]);
    const publishing = run([heard({ armed: true }), TOKEN], asked.state);
    expect(publishing.last).toEqual([{ type: "publish", token }]);
    expect(run([{ type: "published" }], publishing.state).last).toEqual([
      { type: "observe", stream_id: "s1" },
    ]);
  });

  it("hears a second press while the first is on its way, and does nothing", () => {
    expect(run([heard({}), { type: "go_live" }, { type: "go_live" }]).last).toEqual([]);
  });

  it("comes back by itself after a reload, to its own stream only", () => {
    expect(run([heard({ phase: "reconnecting", armed: true }, true)]).last).toEqual([{ type: "ask_token" }]);
    expect(run([heard({ phase: "live", armed: true }, false)]).last).toEqual([]);
  });

  it("takes over a running stream when asked to", () => {
    expect(run([heard({ phase: "live", armed: true }), { type: "go_live" }]).last).toEqual([
      { type: "ask_token" },
    ]);
  });

  it("tries again with growing pauses until the stream is over", () => {
    const live = run([heard({ phase: "live", armed: true })], onStage()).state;
    const lost = run([LOST], live);
    expect(lost.last).toEqual([{ type: "leave" }, { type: "pause", attempt: 0 }]);
    const again = run(
      [{ type: "pause_over" }, { type: "token_failed", code: "unreachable", detail: "", final: false }],
      lost.state,
    );
    expect(again.last).toEqual([{ type: "leave" }, { type: "pause", attempt: 1 }]);
    const over = run([heard({ phase: "ended" })], again.state);
    expect(over.last).toEqual([{ type: "end_pause" }, { type: "release" }]);
    expect(run([{ type: "pause_over" }], over.state).last).toEqual([]);
  });

  it("does not fight another tab for the stage", () => {
    const live = run([heard({ phase: "live", armed: true })], onStage()).state;
    const { state } = run([{ type: "dropped", elsewhere: true }], live);
    expect(state.elsewhere).toBe(true);
    expect(run([heard({ phase: "live", armed: true }, true)], state).last).toEqual([]);
  });

  it("tells why Go live was refused and lets the creator press again", () => {
    const { state } = run([
      heard({}),
      { type: "go_live" },
      { type: "token_failed", code: "already_live", detail: "Already live.", final: true },
    ]);
    expect(state).toMatchObject({ link: "off", want: false, refusal: "Already live." });
    expect(run([{ type: "go_live" }], state).last).toEqual([{ type: "ask_go_live" }]);
  });

  it("leaves and lets every device go at the end", () => {
    const live = run([heard({ phase: "live", armed: true })], onStage()).state;
    expect(run([heard({ phase: "ended" })], live).last).toEqual([{ type: "leave" }, { type: "release" }]);
  });

  it("can start the next stream after one has ended", () => {
    const ended = run([heard({ phase: "live", armed: true }), heard({ phase: "ended" })], onStage()).state;
    expect(run([{ type: "go_live" }], ended).last).toEqual([{ type: "ask_go_live" }]);
    const next = run(
      [
        { type: "go_live" },
        heard({ phase: "ended" }),
        { type: "token", token: { ...token, stream_id: "s2" } },
      ],
      ended,
    );
    expect(next.state.link).toBe("joining");
  });

  it("says again that it is on stage when the server does not see it", () => {
    const live = run([heard({ phase: "live", armed: true })], onStage()).state;
    expect(run([heard({ phase: "reconnecting", armed: true })], live).last).toEqual([
      { type: "observe", stream_id: "s1" },
    ]);
  });
});
