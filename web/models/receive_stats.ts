/** What the details panel shows, from two looks at `getStats()`; null where a browser does not say. */
export interface ReceiveFigures {
  width: number | null;
  height: number | null;
  fps: number | null;
  bitrate_bps: number | null;
  rtt_ms: number | null;
  /** Jitter buffer, decoding and half the round trip: the part of the delay that this side can know. */
  delay_ms: number | null;
  dropped: number | null;
  lost: number | null;
}

/** A flat record of one RTCStats entry. */
export type Entry = Record<string, unknown>;

export interface ReceiveSample {
  at_ms: number;
  bytes: number;
  frames: number;
  jitterDelay_s: number;
  emitted: number;
}

const num = (entry: Entry | undefined, key: string): number | null => {
  const value = entry?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};

/** Figures since the last sample (null at first), and the sample to keep. */
export function receiveFigures(
  entries: Entry[],
  now_ms: number,
  last: ReceiveSample | null,
): [ReceiveFigures, ReceiveSample] {
  const inbound = entries.find((e) => e.type === "inbound-rtp" && e.kind === "video");
  const pair = entries.find(
    (e) => e.type === "candidate-pair" && e.nominated === true && num(e, "currentRoundTripTime") !== null,
  );
  const sample: ReceiveSample = {
    at_ms: now_ms,
    bytes: num(inbound, "bytesReceived") ?? 0,
    frames: num(inbound, "framesDecoded") ?? 0,
    jitterDelay_s: num(inbound, "jitterBufferDelay") ?? 0,
    emitted: num(inbound, "jitterBufferEmittedCount") ?? 0,
  };
  const rtt_s = num(pair, "currentRoundTripTime");
  const rtt_ms = rtt_s === null ? null : rtt_s * 1000;
  const base = {
    width: num(inbound, "frameWidth"),
    height: num(inbound, "frameHeight"),
    rtt_ms,
    dropped: num(inbound, "framesDropped"),
    lost: num(inbound, "packetsLost"),
  };
  const seconds = last ? (now_ms - last.at_ms) / 1000 : 0;
  if (!last || seconds <= 0 || sample.bytes < last.bytes)
    return [{ ...base, fps: null, bitrate_bps: null, delay_ms: null }, sample];
  const emitted = sample.emitted - last.emitted;
  const buffer_ms = emitted > 0 ? ((sample.jitterDelay_s - last.jitterDelay_s) / emitted) * 1000 : null;
  return [
    {
      ...base,
      fps: Math.max(0, (sample.frames - last.frames) / seconds),
      bitrate_bps: Math.max(0, ((sample.bytes - last.bytes) * 8) / seconds),
      delay_ms: buffer_ms === null ? null : buffer_ms + (rtt_ms ?? 0) / 2,
    },
    sample,
  ];
}
