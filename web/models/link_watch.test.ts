import { describe, expect, it } from "vitest";
import { DEAD_AFTER_MS, heardBack, isDead, type LinkSample } from "./link_watch";

const stats = (packetsReceived: number, responsesReceived: number) => [
  { type: "outbound-rtp", packetsSent: 1 },
  { type: "transport", packetsReceived },
  { type: "candidate-pair", responsesReceived },
];
const looked = (looks: [number, number, number][]): LinkSample | null =>
  looks.reduce<LinkSample | null>(
    (last, [at, packets, responses]) => heardBack(stats(packets, responses), at, last),
    null,
  );

describe("link watch", () => {
  it("calls a link dead when neither receipts nor answers have come for a while", () => {
    const sample = looked([
      [0, 10, 1],
      [1_000, 40, 1],
      [2_000, 40, 1],
    ]);
    expect(isDead(sample, 1_000 + DEAD_AFTER_MS - 1)).toBe(false);
    expect(isDead(sample, 1_000 + DEAD_AFTER_MS)).toBe(true);
  });

  it("lets a muted stage live on the answers to connectivity checks alone", () => {
    expect(
      isDead(
        looked([
          [0, 10, 1],
          [5_000, 10, 2],
        ]),
        6_500,
      ),
    ).toBe(false);
  });

  it("begins anew when the browser counts from the start again", () => {
    expect(
      isDead(
        looked([
          [0, 500, 9],
          [5_000, 3, 1],
        ]),
        7_000,
      ),
    ).toBe(false);
  });

  it("watches nothing where the browser tells nothing", () => {
    expect(isDead(heardBack([{ type: "outbound-rtp" }], 0, null), 60_000)).toBe(false);
  });
});
