/*
  How fast HLS plays, so that it stays as near to the stage as this connection allows. Told the state of the buffer
  20 times a second; answers with a playback rate and, when far behind, with a jump.

  What matters is the smallest amount of media in front of the playhead over a short while: it says how late the next part
  may come before the picture stops. The goal for it starts at half a second, grows with the jitter of the arrivals and
  with each stall, and shrinks slowly while all is calm.
*/
export interface CatchUpLimits {
  /** Smallest goal, s. */
  goal_s: number;
  goal_s_max: number;
  /** Never faster than this. */
  rate_max: number;
  /** Further than this behind the goal it jumps, s. */
  jump_s: number;
}

/** Heard: a tenth faster is not noticed in speech. */
export const HEARD: CatchUpLimits = { goal_s: 0.5, goal_s_max: 4, rate_max: 1.1, jump_s: 2 };
/** Muted and below, before the swap: as near as it gets, at once. */
export const UNHEARD: CatchUpLimits = { goal_s: 0.5, goal_s_max: 4, rate_max: 1.3, jump_s: 0.8 };

export interface BufferLook {
  at_ms: number;
  /** End of what is buffered, s. */
  end_s: number;
  /** From the playhead to there, s. */
  ahead_s: number;
  /** It wants to play and cannot. */
  stalled: boolean;
}

export interface CatchUp {
  goal_s: number;
  end_s: number;
  end_at_ms: number;
  /** Between the last arrivals, ms. */
  gaps_ms: number[];
  aheads: { at_ms: number; ahead_s: number }[];
  stalled: boolean;
  /** The last stall, jump or lowering of the goal. */
  calmSince_ms: number;
}

export interface Advice {
  rate: number;
  /** Jump forward by so much, s. */
  jump_s: number | null;
  /** Smallest amount in front of the playhead lately; null before there is enough to tell. */
  margin_s: number | null;
}

const GAPS_MAX = 20;
const WINDOW_MS_MIN = 800;
const WINDOW_MS_MAX = 8_000;
const STALL_STEP_S = 0.25;
const JITTER_S_MAX = 2;
const CALM_MS = 20_000;
const CALM_STEP_S = 0.1;

export function catchUpFrom(goal_s: number): CatchUp {
  return { goal_s, end_s: 0, end_at_ms: 0, gaps_ms: [], aheads: [], stalled: false, calmSince_ms: 0 };
}

export function catchUp(before: CatchUp, look: BufferLook, limits: CatchUpLimits): [CatchUp, Advice] {
  const { at_ms } = look;
  let { goal_s, end_s, end_at_ms, gaps_ms, calmSince_ms } = before;
  if (look.end_s > end_s + 0.001) {
    if (end_at_ms > 0) gaps_ms = [...gaps_ms.slice(1 - GAPS_MAX), at_ms - end_at_ms];
    end_s = look.end_s;
    end_at_ms = at_ms;
  } else if (look.end_s < end_s - 0.5) {
    // Another part of the programme.
    gaps_ms = [];
    end_s = look.end_s;
    end_at_ms = 0;
  }
  const floor_s = Math.min(limits.goal_s_max, limits.goal_s + jitter_s(gaps_ms));
  if (look.stalled && !before.stalled && before.aheads.length > 0) {
    goal_s = Math.min(limits.goal_s_max, goal_s + STALL_STEP_S);
    calmSince_ms = at_ms;
  } else if (at_ms - calmSince_ms > CALM_MS) {
    goal_s -= CALM_STEP_S;
    calmSince_ms = at_ms;
  }
  goal_s = Math.max(floor_s, goal_s);
  const window_ms = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, 1.5 * Math.max(0, ...gaps_ms)));
  const all = [...before.aheads, { at_ms, ahead_s: look.ahead_s }];
  const aheads = all.filter((one) => at_ms - one.at_ms <= window_ms);
  const full = all.length > aheads.length || at_ms - (all[0]?.at_ms ?? at_ms) >= window_ms * 0.9;
  const state: CatchUp = {
    goal_s,
    end_s,
    end_at_ms,
    gaps_ms,
    aheads,
    stalled: look.stalled,
    calmSince_ms: calmSince_ms || at_ms,
  };
  if (!full) return [state, { rate: 1, jump_s: null, margin_s: null }];
  const margin_s = Math.min(...aheads.map((one) => one.ahead_s));
  const over_s = margin_s - goal_s;
  if (over_s > limits.jump_s)
    return [
      { ...state, aheads: [], calmSince_ms: at_ms },
      { rate: 1, jump_s: over_s, margin_s },
    ];
  return [state, { rate: rateFor(over_s, limits.rate_max), jump_s: null, margin_s }];
}

function rateFor(over_s: number, max: number): number {
  if (over_s > 0.15) return max;
  if (over_s > 0.03) return Math.min(max, 1.03);
  return over_s < -0.1 ? 0.97 : 1;
}

/** How much later than usual parts have come at worst, s. */
function jitter_s(gaps_ms: number[]): number {
  if (gaps_ms.length < 5) return 0;
  const sorted = [...gaps_ms].sort((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const worst = sorted[sorted.length - 1] ?? 0;
  // Arrivals are seen 50 ms late at most, and one half of that is nobody's fault.
  return Math.min(JITTER_S_MAX, Math.max(0, worst - usual - 75) / 1000);
}
