// bin/bench hls: how old the picture of an HLS viewer is, by a clock painted in the studio; the same over WebRTC before the
// switch. Five runs (`BENCH_ROUNDS`), each a show of its own. Prints one JSON line.
import { Show } from "../tests/crash/show.mjs";
import { Stage } from "../tests/crash/stage.mjs";
import { smallLimits } from "../tests/e2e/hls_side.mjs";
import { Audience } from "../tests/e2e/viewers.mjs";
import { median } from "./load.mjs";
import { paintClock, readClock } from "./painted_clock.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
/** After a swap the player needs some seconds to come as near as it will. */
const SETTLE_PICTURES = 450;
const PICTURES = 150;

const { settings } = await smallLimits();
// One viewer is over the limit: a second browser would take the machine that is measured.
const stage = await Stage.open(60_000, { ...settings, BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX: "1", BACKSTAGE__DELIVERY__COHORT_PERCENT: "100" });
const show = await Show.open(stage);
await show.creator.context.addInitScript(paintClock);
const [webrtc, hls] = [[], []];
try {
  for (let round = 1; round <= ROUNDS; round += 1) {
    await show.goLive();
    const audience = new Audience(stage.url);
    const viewer = await audience.arrives();
    // From the second round on the show begins with HLS, since viewers are expected.
    if (round === 1) webrtc.push(median(await viewer.page.evaluate(readClock, PICTURES)));
    const second = round === 1 ? await audience.arrives() : null;
    await audience.watch("hls");
    if (second) await audience.leaves(second);
    await viewer.page.evaluate(readClock, SETTLE_PICTURES);
    const ages = await viewer.page.evaluate(readClock, PICTURES);
    hls.push(median(ages));
    console.error(`round ${round}: ${median(ages)} ms, ${Math.min(...ages)} to ${Math.max(...ages)}`);
    await audience.close();
    await show.end();
  }
} finally {
  await show.close();
  await stage.close();
}
console.log(
  JSON.stringify({
    bench: "hls",
    runs: hls.length,
    glass_to_glass_ms_p50: median(hls),
    glass_to_glass_ms_max: Math.max(...hls),
    runs_ms: hls,
    baseline_webrtc_ms: median(webrtc),
  }),
);
