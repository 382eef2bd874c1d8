import { describe, expect, it } from "vitest";
import { type CatchUp, catchUp, catchUpFrom, HEARD, UNHEARD } from "./catch_up";
import { behindClock, scrubber, spoken } from "./dvr";
import { secondsBehind } from "./format";
import type { Stream } from "./live_state";
import { newsDelay } from "./programme";
import { renewIn, tokenOf, withToken } from "./renewal";
import { placeToKeep, resumeAt } from "./resume";
import { GUARD, type GuardLook, guard, guardFrom, type Verdict } from "./swap_guard";

/** Parts arrive every `part_ms` (plus what `late` says), the player plays at the rate it is told. */
function play(
  seconds: number,
  ahead_s: number,
  {
    part_ms = 200,
    late = (_part: number): number => 0,
    limits = HEARD,
    state = catchUpFrom(limits.goal_s),
  } = {},
): { state: CatchUp; ahead_s: number; stalls: number; jumps: number; rates: Set<number> } {
  let position = 0;
  let end = ahead_s;
  let stalls = 0;
  let jumps = 0;
  let rate = 1;
  let part = 0;
  let due = part_ms;
  let was = false;
  const rates = new Set<number>();
  for (let at = 0; at < seconds * 1000; at += 50) {
    while (due <= at) {
      end += part_ms / 1000;
      part += 1;
      due = (part + 1) * part_ms + late(part);
    }
    position = Math.min(end, position + (rate * 50) / 1000);
    const stalled = position >= end - 0.001;
    if (stalled && !was) stalls += 1;
    was = stalled;
    const [next, advice] = catchUp(
      state,
      { at_ms: at + 1, end_s: end, ahead_s: end - position, stalled },
      limits,
    );
    state = next;
    rate = advice.rate;
    rates.add(rate);
    if (advice.jump_s !== null) {
      jumps += 1;
      position += advice.jump_s;
    }
  }
  return { state, ahead_s: end - position, stalls, jumps, rates };
}

describe("catch-up", () => {
  it("comes to half a second by playing a tenth faster, and stays there without a stall", () => {
    const { ahead_s, stalls, jumps, rates } = play(30, 1.4);
    expect(ahead_s).toBeGreaterThan(0.35);
    expect(ahead_s).toBeLessThan(0.9);
    expect(stalls).toBe(0);
    expect(jumps).toBe(0);
    expect(Math.max(...rates)).toBe(1.1);
  });

  it("jumps when it is more than two seconds behind, once", () => {
    const { ahead_s, jumps, stalls } = play(10, 5);
    expect(jumps).toBe(1);
    expect(stalls).toBe(0);
    expect(ahead_s).toBeLessThan(1);
  });

  it("keeps more in hand where parts come late", () => {
    const { state, stalls } = play(60, 1.5, { late: (part) => (part % 9 === 0 ? 600 : 0) });
    expect(state.goal_s).toBeGreaterThan(0.9);
    expect(stalls).toBeLessThan(3);
  });

  it("raises its goal with a stall, and lowers it again when all is calm", () => {
    const looks = (state: CatchUp, from: number, stalled: boolean): CatchUp =>
      catchUp(state, { at_ms: from, end_s: 1, ahead_s: stalled ? 0 : 0.6, stalled }, HEARD)[0];
    let state = looks(catchUpFrom(0.5), 100, false);
    state = looks(state, 150, true);
    expect(state.goal_s).toBe(0.75);
    state = looks(state, 200, true);
    expect(state.goal_s, "one stall is one stall").toBe(0.75);
    for (let at = 21_000; at < 90_000; at += 21_000) state = looks(state, at, false);
    expect(state.goal_s).toBe(0.5);
  });

  it("never asks for more than the most, however bad it is", () => {
    let state = catchUpFrom(0.5);
    for (let at = 1; at < 100; at += 1)
      [state] = catchUp(state, { at_ms: at * 100, end_s: 1, ahead_s: 0, stalled: at % 2 === 0 }, HEARD);
    expect(state.goal_s).toBe(HEARD.goal_s_max);
  });

  it("rushes where nobody hears it", () => {
    expect(Math.max(...play(6, 1.2, { limits: UNHEARD }).rates)).toBe(1.3);
  });

  it("works with whole segments, as without low latency", () => {
    const limits = { ...HEARD, goal_s: 1 };
    const { ahead_s, stalls } = play(60, 3.9, { part_ms: 1000, limits });
    expect(stalls).toBe(0);
    expect(ahead_s).toBeLessThan(2.3);
  });
});

describe("the swap guard", () => {
  const look = (at_ms: number, change: Partial<GuardLook> = {}): GuardLook => ({
    at_ms,
    frame: true,
    edge_s: 10 + Math.floor(at_ms / 500) / 2,
    behind_s: 1.2,
    still_ms: 2_500,
    near: true,
    ...change,
  });
  const judge = (
    until: number,
    change: (at: number) => Partial<GuardLook> = () => ({}),
  ): [Verdict, number] => {
    let state = guardFrom(0);
    for (let at = 33; at < until; at += 33) {
      let verdict: Verdict;
      [state, verdict] = guard(state, look(at, change(at)));
      if (verdict !== "wait") return [verdict, at];
    }
    return ["wait", until];
  };

  it("is content with steady frames, a playlist that grows, and a short distance", () => {
    const [verdict, at] = judge(5_000);
    expect(verdict).toBe("ready");
    expect(at).toBeGreaterThan(990);
  });
  it("does not fall for frames from a playlist that has ended", () => {
    expect(judge(14_000, () => ({ edge_s: 10 }))[0]).toBe("unready");
    expect(judge(14_000, (at) => ({ edge_s: at < 600 ? 10 + at / 1000 : 10.6, near: at > 4_000 }))[0]).toBe(
      "unready",
    );
  });
  it("counts anew after each gap between frames", () => {
    expect(judge(14_000, (at) => ({ frame: at % 400 < 200 }))[0]).toBe("unready");
  });
  it("refuses what is far behind", () => {
    expect(judge(14_000, () => ({ behind_s: 13 }))[0]).toBe("unready");
  });
  it("waits a little for what still comes nearer, but not for ever", () => {
    const [verdict, at] = judge(10_000, () => ({ near: false }));
    expect(verdict).toBe("ready");
    expect(at).toBeGreaterThan(GUARD.patience_ms);
    expect(at).toBeLessThan(GUARD.patience_ms + 2_000);
  });
  it("asks WebRTC for frames only", () => {
    const [verdict, at] = judge(5_000, () => ({ edge_s: null, behind_s: null }));
    expect(verdict).toBe("ready");
    expect(at).toBeLessThan(1_000);
  });
  it("speaks on a frame, so that the swap falls between two pictures", () => {
    let state = guardFrom(0);
    for (let at = 33; at < 990; at += 33) [state] = guard(state, look(at));
    expect(guard(state, look(1_010, { frame: false }))[1]).toBe("wait");
    expect(guard(state, look(1_010))[1]).toBe("ready");
  });
});

describe("token renewal", () => {
  it("asks a minute before the end, spread over a fifth of the time", () => {
    expect(renewIn(600_000, 0, 0, false)).toBe(540_000);
    expect(renewIn(600_000, 0, 1, false)).toBe(432_000);
    expect(renewIn(60_000, 0, 0, false)).toBe(30_000);
    expect(renewIn(0, 50_000, 0.5, false)).toBe(2_000);
    expect(renewIn(600_000, 0, 0, true)).toBe(2_000);
  });
  it("puts the fresh token in place, in addresses of the same host that carry one", () => {
    const url = "https://o.test/a/p.m3u8?_HLS_msn=3&token=old&x=1#t";
    expect(tokenOf(url)).toBe("old");
    expect(tokenOf("https://o.test/a")).toBeNull();
    expect(withToken(url, "o.test", "new.$1")).toBe("https://o.test/a/p.m3u8?_HLS_msn=3&token=new.$1&x=1#t");
    expect(withToken(url, "other.test", "new")).toBe(url);
    expect(withToken("https://o.test/a?nottoken=1", "o.test", "new")).toBe("https://o.test/a?nottoken=1");
    const part = "https://o.test/pid/b1/~old.x-y/3.1.m4s?_HLS_msn=3";
    expect(withToken(part, "o.test", "new")).toBe("https://o.test/pid/b1/~new/3.1.m4s?_HLS_msn=3");
    expect(withToken("/a?token=1", "o.test", "new")).toBe("/a?token=1");
    expect(withToken(url, "o.test", null)).toBe(url);
  });
});

describe("news of the stage", () => {
  const at = (phase: Stream["phase"]): Stream => ({ id: "s", phase }) as Stream;
  it("waits for the picture it belongs to, but only when it covers one", () => {
    expect(newsDelay(at("live"), at("reconnecting"), 1_400)).toBe(1_400);
    expect(newsDelay(at("live"), at("ended"), 90_000)).toBe(6_000);
    expect(newsDelay(at("reconnecting"), at("live"), 1_400)).toBe(0);
    expect(newsDelay(at("live"), at("live"), 1_400)).toBe(0);
    expect(newsDelay(at("live"), at("ended"), null)).toBe(0);
    expect(newsDelay(at("live"), { ...at("ended"), id: "other" }, 1_400)).toBe(0);
  });
});

describe("the slider", () => {
  const line = { start_s: 100, end_s: 160, position_s: 158, live: true };
  it("says live near the end, and otherwise how far behind", () => {
    expect(scrubber(line, 1)).toEqual({ shown: true, max: 60, value: 60, behind_s: 0 });
    expect(scrubber({ ...line, position_s: 120 }, 1)).toEqual({
      shown: true,
      max: 60,
      value: 20,
      behind_s: 39,
    });
    expect(scrubber({ ...line, start_s: 155 }, 1).shown).toBe(false);
    expect(scrubber(null, 1).shown).toBe(false);
    expect(scrubber({ start_s: 0, end_s: 90, position_s: 88, live: false }, 0)).toEqual({
      shown: true,
      max: 90,
      value: 88,
      behind_s: 0,
    });
  });
  it("tells time in words and on a clock", () => {
    const words = {
      second: "1 second",
      seconds: "{count} seconds",
      minute: "1 minute",
      minutes: "{count} minutes",
      minute_second: "{minutes} {seconds}",
    };
    expect(spoken(1, words)).toBe("1 second");
    expect(spoken(45.4, words)).toBe("45 seconds");
    expect(spoken(60, words)).toBe("1 minute");
    expect(spoken(125, words)).toBe("2 minutes 5 seconds");
    expect(behindClock(45)).toBe("−0:45");
    expect(secondsBehind(940)).toBe("0.9");
    expect(secondsBehind(41_700)).toBe("42");
  });
});

describe("a recording", () => {
  it("goes on a little before the place it was left at, and anew at its ends", () => {
    expect(resumeAt("120", 600)).toBe(117);
    expect(resumeAt("5", 600)).toBe(0);
    expect(resumeAt("590", 600)).toBe(0);
    expect(resumeAt("120", Number.NaN)).toBe(117);
    for (const unusable of [null, "", "x", "-3"]) expect(resumeAt(unusable, 600)).toBe(0);
    expect(placeToKeep(120.7, 600)).toBe("120");
    expect(placeToKeep(595, 600)).toBeNull();
    expect(placeToKeep(3, 600)).toBeNull();
    expect(placeToKeep(Number.NaN, 600)).toBeNull();
  });
});
