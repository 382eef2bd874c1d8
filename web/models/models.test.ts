import { describe, expect, it } from "vitest";
import { SOCKET_BACKOFF, wait_ms } from "./backoff";
import { checklist, UPLINK_GOOD_BPS } from "./checklist";
import { clockText, countdown } from "./countdown";
import { bitrate, duration, milliseconds, percent, resolution } from "./format";
import { isOver, onAir, parseMessage, type Stream } from "./live_state";
import { fromLocalInput, momentWords, toLocalInput } from "./moment";
import { receiveFigures } from "./receive_stats";
import { grade, sendFigures } from "./send_stats";
import { slugOf } from "./slug";

describe("backoff", () => {
  it("spreads over the whole ceiling, which doubles up to its limit", () => {
    expect(wait_ms(0, 0, SOCKET_BACKOFF)).toBe(0);
    expect(wait_ms(0, 0.999_999, SOCKET_BACKOFF)).toBe(250);
    expect(wait_ms(3, 0.5, SOCKET_BACKOFF)).toBe(1_000);
    expect(wait_ms(60, 1, SOCKET_BACKOFF)).toBe(10_000);
    expect(wait_ms(-1, 1, SOCKET_BACKOFF)).toBe(250);
  });
});

describe("countdown", () => {
  const at = 1_000_000_000_000;
  it("counts down to the second and then says soon", () => {
    expect(clockText(countdown(at + 65_000, at))).toBe("01:05");
    expect(clockText(countdown(at + 500, at))).toBe("00:01");
    expect(clockText(countdown(at + 3 * 86_400_000 + 3_661_000, at))).toBe("3 d 01:01:01");
    expect(countdown(at, at).kind).toBe("soon");
    expect(countdown(at - 1, at).kind).toBe("soon");
    expect(countdown(null, at).kind).toBe("none");
  });
});

describe("formats", () => {
  it("never jumps and never lies about what is unknown", () => {
    expect(duration(7_900)).toBe("0:07");
    expect(duration(3_723_000)).toBe("1:02:03");
    expect(duration(-5)).toBe("0:00");
    expect(bitrate(2_449_000)).toBe("2.4 Mbit/s");
    expect(bitrate(850_400)).toBe("850 kbit/s");
    expect(bitrate(null)).toBe("–");
    expect(bitrate(Number.NaN)).toBe("–");
    expect(percent(0.0042)).toBe("0.4 %");
    expect(milliseconds(12.6)).toBe("13 ms");
    expect(resolution(1280, 720)).toBe("1280 × 720");
    expect(resolution(0, 720)).toBe("–");
  });
});

describe("moments", () => {
  it("are told in the reader's zone, with the zone where it matters", () => {
    const at = Date.UTC(2026, 10, 24, 20, 0);
    const words = momentWords(at, at - 86_400_000, "zone", "en-GB", "Europe/Madrid");
    expect(words).toContain("21:00");
    expect(words).toMatch(/CET|GMT\+1/);
    expect(momentWords(at, at, "clock", "en-GB", "UTC")).toBe("20:00:00");
  });
  it("survive the way through a form field", () => {
    const at = Date.UTC(2026, 10, 24, 20, 15);
    expect(fromLocalInput(toLocalInput(at))).toBe(at);
    expect(fromLocalInput("")).toBeNull();
    expect(fromLocalInput("nonsense")).toBeNull();
  });
});

describe("addresses", () => {
  it("are proposed from names", () => {
    expect(slugOf("Café Olé — Live!")).toBe("cafe-ole-live");
    expect(slugOf("  --  ")).toBe("");
    expect(slugOf("x".repeat(90))).toHaveLength(40);
  });
});

describe("messages of the socket", () => {
  it("are read when known, dropped when not", () => {
    expect(parseMessage('{"type":"pong","now":1}')).toEqual({ type: "pong", now: 1 });
    for (const odd of ["", "null", "[]", "{", '{"type":"later"}', "7"]) expect(parseMessage(odd)).toBeNull();
  });
  it("tell whether media may be there", () => {
    const s = (phase: Stream["phase"], armed = false): Stream => ({ id: "s", phase, armed }) as Stream;
    expect(onAir(s("lobby"))).toBe(false);
    expect(onAir(s("lobby", true))).toBe(true);
    expect(onAir(s("reconnecting"))).toBe(true);
    expect(onAir(s("ended", true))).toBe(false);
    expect(onAir(null)).toBe(false);
    expect(isOver(s("cancelled"))).toBe(true);
    expect(isOver(null)).toBe(false);
  });
});

describe("figures", () => {
  const inbound = (bytes: number, frames: number) => [
    {
      type: "inbound-rtp",
      kind: "video",
      bytesReceived: bytes,
      framesDecoded: frames,
      frameWidth: 1280,
      frameHeight: 720,
      framesDropped: 1,
      packetsLost: 2,
      jitterBufferDelay: frames * 0.05,
      jitterBufferEmittedCount: frames,
    },
    { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.02 },
  ];
  it("of the viewer come from two looks", () => {
    const [first, sample] = receiveFigures(inbound(0, 0), 0, null);
    expect(first.fps).toBeNull();
    const [second] = receiveFigures(inbound(250_000, 30), 1_000, sample);
    expect(second).toMatchObject({
      fps: 30,
      bitrate_bps: 2_000_000,
      rtt_ms: 20,
      width: 1280,
      dropped: 1,
      lost: 2,
    });
    expect(second.delay_ms).toBeCloseTo(60);
  });
  it("do not turn negative when the counters start anew", () => {
    const [, sample] = receiveFigures(inbound(250_000, 30), 0, null);
    expect(receiveFigures(inbound(0, 0), 1_000, sample)[0].bitrate_bps).toBeNull();
    expect(receiveFigures([], 1_000, sample)[0].fps).toBeNull();
  });
  const outbound = (bytes: number, frames: number, packets: number, lost: number) => [
    { type: "outbound-rtp", kind: "video", bytesSent: bytes, framesEncoded: frames, packetsSent: packets },
    { type: "remote-inbound-rtp", kind: "video", packetsLost: lost, roundTripTime: 0.03 },
  ];
  it("of the creator are graded with one reason", () => {
    const [, sample] = sendFigures(outbound(0, 0, 0, 0), 0, null);
    const graded = (bytes: number, frames: number, packets: number, lost: number, off = false) =>
      grade(sendFigures(outbound(bytes, frames, packets, lost), 1_000, sample)[0], off);
    expect(graded(300_000, 30, 300, 0)).toEqual({ grade: "good", reason: "fine" });
    expect(graded(300_000, 30, 300, 15)).toEqual({ grade: "poor", reason: "loss" });
    expect(graded(300_000, 30, 300, 60)).toEqual({ grade: "critical", reason: "loss" });
    expect(graded(300_000, 9, 300, 0)).toEqual({ grade: "poor", reason: "fps" });
    expect(graded(300_000, 0, 300, 0, true)).toEqual({ grade: "good", reason: "fine" });
    expect(graded(0, 0, 0, 0)).toEqual({ grade: "critical", reason: "silent" });
  });
});

describe("checklist", () => {
  const base = {
    permission: "asking",
    picture: false,
    heard: false,
    sound: false,
    server: "asking",
    uplink_bps: null,
  } as const;
  it("ticks itself", () => {
    expect(checklist(base).map((c) => c.state)).toEqual(["wait", "wait", "wait", "wait", "wait"]);
    const done = checklist({
      permission: "granted",
      picture: true,
      heard: true,
      sound: true,
      server: "ok",
      uplink_bps: UPLINK_GOOD_BPS,
    });
    expect(done.every((c) => c.state === "ok")).toBe(true);
  });
  it("warns of a thin line and of one that could not be measured", () => {
    expect(checklist({ ...base, uplink_bps: 900_000 })[4]).toMatchObject({ state: "warn", bps: 900_000 });
    expect(checklist({ ...base, uplink_bps: 0 })[4]).toEqual({ name: "uplink", state: "warn" });
    expect(checklist({ ...base, permission: "refused" })[0]?.state).toBe("bad");
  });
});
