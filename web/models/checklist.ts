export type CheckState = "wait" | "ok" | "warn" | "bad";
export type CheckName = "permission" | "camera" | "microphone" | "server" | "uplink";

export interface Check {
  name: CheckName;
  state: CheckState;
  /** Measured value for the words, bits per second. */
  bps?: number;
}

export interface Observed {
  permission: "asking" | "granted" | "refused" | "test_card";
  picture: boolean;
  /** Sound was heard above the floor at least once. */
  heard: boolean;
  sound: boolean;
  server: "asking" | "ok" | "bad";
  /** null: measuring; 0: could not be measured. */
  uplink_bps: number | null;
}

/** 720p at 30 fps goes out with up to 2.5 Mbit/s; half as much again keeps it sharp while others use the line. */
export const UPLINK_GOOD_BPS = 4_000_000;

/** The list that ticks itself; its order is the order in which a person can act on it. */
export function checklist(o: Observed): Check[] {
  const permission: CheckState = { asking: "wait", granted: "ok", refused: "bad", test_card: "warn" }[
    o.permission
  ] as CheckState;
  const server: CheckState = { asking: "wait", ok: "ok", bad: "bad" }[o.server] as CheckState;
  const uplink: Check =
    o.uplink_bps === null
      ? { name: "uplink", state: "wait" }
      : o.uplink_bps === 0
        ? { name: "uplink", state: "warn" }
        : { name: "uplink", state: o.uplink_bps >= UPLINK_GOOD_BPS ? "ok" : "warn", bps: o.uplink_bps };
  return [
    { name: "permission", state: permission },
    { name: "camera", state: o.picture ? "ok" : "wait" },
    { name: "microphone", state: o.heard || (o.permission === "test_card" && o.sound) ? "ok" : "wait" },
    { name: "server", state: server },
    uplink,
  ];
}
