import { isOver, onAir, type Stream } from "./live_state";

/*
  The studio's way on air as a pure reducer. `want` is the creator's will in this tab: press Go live (or come back to a
  stream that this browser started) and it stays until the stream is over.

  link      off → asking (for a token) → joining (connect and publish) → on;  waiting = a jittered pause before asking again
*/
export type StageLink = "off" | "asking" | "joining" | "on" | "waiting";

export interface StudioState {
  stream: Stream | null;
  link: StageLink;
  want: boolean;
  attempt: number;
  /** Another tab holds the stage: do not fight for it. */
  elsewhere: boolean;
  /** The stream that the last token was for; the state message about it may still be on its way. */
  publishing: string | null;
  /** Why the last press of Go live was refused, in the server's words. */
  refusal: string | null;
}

export interface PublisherToken {
  stream_id: string;
  livekit: { url: string; token: string };
  identity: string;
}

export type StudioEvent =
  /** `mine`: this browser started the stream, so this tab may bring it back by itself. */
  | { type: "state"; stream: Stream | null; mine: boolean }
  | { type: "go_live" }
  | { type: "token"; token: PublisherToken }
  | { type: "token_failed"; code: string; detail: string; final: boolean }
  | { type: "published" }
  | { type: "dropped"; elsewhere: boolean }
  | { type: "pause_over" }
  | { type: "online" };

export type StudioEffect =
  | { type: "ask_go_live" }
  | { type: "ask_token" }
  | { type: "publish"; token: PublisherToken }
  | { type: "observe"; stream_id: string }
  | { type: "leave" }
  | { type: "pause"; attempt: number }
  | { type: "end_pause" }
  /** The stream is over: stop every device. */
  | { type: "release" };

export type StudioStep = [StudioState, StudioEffect[]];

export const STUDIO_INITIAL: StudioState = {
  stream: null,
  link: "off",
  want: false,
  attempt: 0,
  elsewhere: false,
  publishing: null,
  refusal: null,
};

export function studio(state: StudioState, event: StudioEvent): StudioStep {
  switch (event.type) {
    case "state":
      return heard(state, event.stream, event.mine);
    case "go_live":
      if (state.link !== "off") return [state, []];
      return [
        { ...state, want: true, elsewhere: false, link: "asking", attempt: 0, refusal: null },
        [onAir(state.stream) ? { type: "ask_token" } : { type: "ask_go_live" }],
      ];
    case "token":
      if (state.link !== "asking") return [state, []];
      return [
        { ...state, link: "joining", publishing: event.token.stream_id, refusal: null },
        [{ type: "publish", token: event.token }],
      ];
    case "token_failed":
      if (state.link !== "asking") return [state, []];
      if (event.final || !onAir(state.stream))
        return [{ ...state, want: false, link: "off", refusal: event.detail || event.code }, []];
      return pause(state);
    case "published":
      if (state.link !== "joining") return [state, []];
      return [
        { ...state, link: "on", attempt: 0 },
        state.publishing ? [{ type: "observe", stream_id: state.publishing }] : [],
      ];
    case "dropped":
      if (state.link !== "on" && state.link !== "joining") return [state, []];
      if (event.elsewhere)
        return [{ ...state, link: "off", want: false, elsewhere: true }, [{ type: "leave" }]];
      if (isOver(state.stream)) return [{ ...state, link: "off", want: false }, [{ type: "leave" }]];
      return pause(state);
    case "pause_over":
      return state.link === "waiting" ? [{ ...state, link: "asking" }, [{ type: "ask_token" }]] : [state, []];
    case "online":
      return state.link === "waiting"
        ? [{ ...state, link: "asking", attempt: 0 }, [{ type: "end_pause" }, { type: "ask_token" }]]
        : [state, []];
  }
}

function heard(before: StudioState, stream: Stream | null, mine: boolean): StudioStep {
  const state: StudioState = { ...before, stream };
  if (isOver(stream)) {
    const wasOpen = before.stream !== null && !isOver(before.stream);
    const pressed = state.link === "asking" && !wasOpen;
    if (pressed) return [state, []];
    const effects = closeLink(state);
    if (wasOpen || state.want) effects.push({ type: "release" });
    return [{ ...state, link: "off", want: false, attempt: 0 }, effects];
  }
  if (!onAir(stream)) return [state, []];
  if (state.link === "off" && !state.elsewhere && (state.want || mine))
    return [{ ...state, want: true, link: "asking" }, [{ type: "ask_token" }]];
  // The server does not see us although we think we are on: say it again.
  if (state.link === "on" && stream?.phase === "reconnecting" && before.stream?.phase !== "reconnecting")
    return [state, [{ type: "observe", stream_id: stream.id }]];
  return [state, []];
}

function pause(state: StudioState): StudioStep {
  return [
    { ...state, link: "waiting", attempt: state.attempt + 1 },
    [{ type: "leave" }, { type: "pause", attempt: state.attempt }],
  ];
}

function closeLink(state: StudioState): StudioEffect[] {
  if (state.link === "off") return [];
  return state.link === "waiting" ? [{ type: "end_pause" }] : [{ type: "leave" }];
}
