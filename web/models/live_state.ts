/** What the server says about a stream, word for word as on the socket. */
export type Phase = "scheduled" | "lobby" | "live" | "reconnecting" | "ended" | "archived" | "cancelled";

/** One stream; times are ms UTC of the server's clock. `armed`: the creator pressed Go live, media is on its way. */
export interface Stream {
  id: string;
  phase: Phase;
  armed: boolean;
  starts_at: number | null;
  live_since: number | null;
  reconnecting_since: number | null;
  grace_until: number | null;
  ended_at: number | null;
  end_cause: string | null;
}

/** How media reaches a viewer. */
export type Delivery = "webrtc" | "hls";

export interface StateMessage {
  type: "state";
  cursor: string;
  now: number;
  /** What an admission would give this viewer now; missing or null: no word, stay where you are. */
  delivery?: Delivery | null;
  /** Whoever has to move does it at a random moment within this time, ms. */
  move_within_ms?: number;
  experience: { id: string; title: string; starts_at: number | null };
  stream: Stream | null;
  /** What hosts see beside the rest. */
  studio?: ForHosts;
}

/** How the audience is served; only hosts are told. Money is in minor units. */
export interface DeliveryNow {
  available: boolean;
  open: boolean;
  choice: "auto" | Delivery;
  mode: "webrtc" | "warming" | "hybrid" | "hls" | "fallback";
  mode_words: string;
  reason: string | null;
  reason_words: string;
  moved_percent: number | null;
  audience: { webrtc: number; hls: number; slate: number; waiting: number; rsvps: number; holders: number };
  expected: number;
  webrtc_viewers_max: number | null;
  bridge: "off" | "asked" | "on" | "stopping";
  bridge_words: string;
  estimate: { spent_minor: number; per_hour_minor: number; max_minor: number | null } | null;
}

/** How well it goes, as the server sees it. */
export interface HealthNow {
  grade: "good" | "poor" | "critical";
  grade_words: string;
  cause: string | null;
  reason_words: string;
  hint_words: string;
}

export interface ForHosts {
  delivery: DeliveryNow;
  health: HealthNow | null;
}

export interface Person {
  name: string;
  initials: string;
  hue: number;
}

export interface TimelineEvent {
  at: number;
  event: string;
  phase: string;
  cause: string;
  cause_words: string;
  words: string;
}

export type ServerMessage =
  | StateMessage
  | { type: "presence"; viewers: number; here: Person[] }
  | { type: "access"; allowed: boolean; reason: string }
  /** This one viewer is to move, at a random moment within this time. */
  | { type: "move"; delivery: Delivery; within_ms: number }
  | { type: "timeline"; event: TimelineEvent }
  | { type: "bye"; retry_ms: number }
  | { type: "pong"; now: number };

const TYPES = new Set(["state", "move", "presence", "access", "timeline", "bye", "pong"]);

/** A frame of the socket, or null for anything this page does not know: a newer server must not break an older page. */
export function parseMessage(text: string): ServerMessage | null {
  try {
    const message = JSON.parse(text) as { type?: string };
    return typeof message === "object" && message !== null && TYPES.has(message.type ?? "")
      ? (message as ServerMessage)
      : null;
  } catch {
    return null;
  }
}

/** Media may be there or is about to be: admission is worth asking for. */
export function onAir(stream: Stream | null): boolean {
  if (!stream) return false;
  return (
    stream.phase === "live" ||
    stream.phase === "reconnecting" ||
    (stream.armed && (stream.phase === "lobby" || stream.phase === "scheduled"))
  );
}

/** Nothing more will come in this stream. */
export function isOver(stream: Stream | null): boolean {
  return (
    stream !== null &&
    (stream.phase === "ended" || stream.phase === "archived" || stream.phase === "cancelled")
  );
}
