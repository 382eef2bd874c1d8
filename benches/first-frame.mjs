// bin/bench first-frame: from the moment a viewer's browser opens the page of a running show to the first picture, over WebRTC
// and over HLS; ten rounds each (`BENCH_ROUNDS`), the session is there already. Prints one JSON line.
import { Show } from "../tests/crash/show.mjs";
import { Stage } from "../tests/crash/stage.mjs";
import { smallLimits } from "../tests/e2e/hls_side.mjs";
import { Audience } from "../tests/e2e/viewers.mjs";
import { median } from "./load.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 10);

/** ms from the navigation's start, by the page's own clock. */
function firstFrame() {
  return new Promise((resolve) => {
    const look = () => {
      const video = document.querySelector('live-player [data-part="main"]');
      if (video && video.getVideoPlaybackQuality().totalVideoFrames > 0) resolve(performance.now());
      else requestAnimationFrame(look);
    };
    look();
  });
}

const { settings } = await smallLimits();
const stage = await Stage.open(60_000, { ...settings, BACKSTAGE__DELIVERY__COHORT_PERCENT: "100" });
const show = await Show.open(stage);
const audience = new Audience(stage.url);
const times = { webrtc: [], hls: [] };
try {
  await show.goLive();
  const viewer = await audience.arrives();
  await audience.watch("webrtc");
  const measure = async (delivery) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await viewer.page.goto("about:blank");
      await viewer.page.goto(`${stage.url}/m/demo/live`, { waitUntil: "commit" });
      const took = await viewer.page.evaluate(firstFrame);
      await viewer.page.locator(`live-player[data-delivery="${delivery}"]`).waitFor();
      times[delivery].push(Math.round(took));
    }
  };
  await measure("webrtc");
  // Two more, and everybody is on HLS; they are not decoding anything while it is measured.
  const others = [await audience.arrives(), await audience.arrives()];
  await audience.watch("hls");
  for (const { page } of others) await page.locator('live-player [data-part="main"]').evaluate((video) => video.pause());
  await measure("hls");
  await audience.close();
  await show.end();
} finally {
  await show.close();
  await stage.close();
}
const figures = (all) => [median(all), Math.max(...all)];
const [[webrtc, webrtc_max], [hls, hls_max]] = [figures(times.webrtc), figures(times.hls)];
console.log(
  JSON.stringify({ bench: "first-frame", rounds: ROUNDS, webrtc_ms_p50: webrtc, webrtc_ms_max: webrtc_max, hls_ms_p50: hls, hls_ms_max: hls_max, ...times }),
);
