import type { Entry } from "./receive_stats";

/** What the studio's live panel shows. Loss is a share 0..1 over the last interval. */
export interface SendFigures {
  width: number | null;
  height: number | null;
  fps: number | null;
  bitrate_bps: number | null;
  loss: number | null;
  rtt_ms: number | null;
  cpuLimited: boolean;
}

export interface SendSample {
  at_ms: number;
  bytes: number;
  frames: number;
  packets: number;
  lost: number;
}

const num = (entry: Entry | undefined, key: string): number | null => {
  const value = entry?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};
const sum = (entries: Entry[], key: string): number =>
  entries.reduce((total, e) => total + (num(e, key) ?? 0), 0);

/** Figures since the last sample; audio and video are counted together, size and frames are the picture's. */
export function sendFigures(
  entries: Entry[],
  now_ms: number,
  last: SendSample | null,
): [SendFigures, SendSample] {
  const outbound = entries.filter((e) => e.type === "outbound-rtp");
  const remote = entries.filter((e) => e.type === "remote-inbound-rtp");
  const video = outbound.find((e) => e.kind === "video");
  const sample: SendSample = {
    at_ms: now_ms,
    bytes: sum(outbound, "bytesSent"),
    frames: num(video, "framesEncoded") ?? 0,
    packets: sum(outbound, "packetsSent"),
    lost: sum(remote, "packetsLost"),
  };
  const rtts = remote.map((e) => num(e, "roundTripTime")).filter((v): v is number => v !== null);
  const pair = entries.find((e) => e.type === "candidate-pair" && e.nominated === true);
  const rtt_s = rtts.length ? Math.max(...rtts) : num(pair, "currentRoundTripTime");
  const base = {
    width: num(video, "frameWidth"),
    height: num(video, "frameHeight"),
    rtt_ms: rtt_s === null ? null : rtt_s * 1000,
    cpuLimited: video?.qualityLimitationReason === "cpu",
  };
  const seconds = last ? (now_ms - last.at_ms) / 1000 : 0;
  if (!last || seconds <= 0 || sample.bytes < last.bytes)
    return [{ ...base, fps: null, bitrate_bps: null, loss: null }, sample];
  const packets = sample.packets - last.packets;
  return [
    {
      ...base,
      fps: Math.max(0, (sample.frames - last.frames) / seconds),
      bitrate_bps: ((sample.bytes - last.bytes) * 8) / seconds,
      loss: packets > 0 ? Math.min(1, Math.max(0, (sample.lost - last.lost) / packets)) : null,
    },
    sample,
  ];
}

/** What the server is told of how we send; whole figures, null where there is none. */
export interface PublisherSample {
  bitrate_kbps: number | null;
  fps: number | null;
  loss_per_mille: number | null;
  rtt_ms: number | null;
  limited: "none" | "cpu";
}

/** `cameraOff`: no picture is meant to be sent, so that its figures say nothing. */
export function publisherSample(f: SendFigures, cameraOff: boolean): PublisherSample {
  const whole = (value: number | null): number | null => (value === null ? null : Math.round(value));
  return {
    bitrate_kbps: cameraOff || f.bitrate_bps === null ? null : whole(f.bitrate_bps / 1000),
    fps: cameraOff ? null : whole(f.fps),
    loss_per_mille: f.loss === null ? null : whole(f.loss * 1000),
    rtt_ms: whole(f.rtt_ms),
    limited: f.cpuLimited && !cameraOff ? "cpu" : "none",
  };
}

export type Grade = "idle" | "good" | "poor" | "critical";
export type Reason = "fine" | "loss" | "rtt" | "fps" | "silent" | "cpu";

/** One traffic light with one reason, worst first. `cameraOff`: no picture is meant to be sent. */
export function grade(f: SendFigures, cameraOff: boolean): { grade: Grade; reason: Reason } {
  if (f.bitrate_bps === null) return { grade: "good", reason: "fine" };
  if (f.bitrate_bps < 4_000) return { grade: "critical", reason: "silent" };
  if ((f.loss ?? 0) > 0.1) return { grade: "critical", reason: "loss" };
  if (!cameraOff && f.fps !== null && f.fps < 5)
    return { grade: "critical", reason: f.cpuLimited ? "cpu" : "fps" };
  if ((f.loss ?? 0) > 0.03) return { grade: "poor", reason: "loss" };
  if ((f.rtt_ms ?? 0) > 300) return { grade: "poor", reason: "rtt" };
  if (!cameraOff && f.fps !== null && f.fps < 14)
    return { grade: "poor", reason: f.cpuLimited ? "cpu" : "fps" };
  return { grade: "good", reason: "fine" };
}
