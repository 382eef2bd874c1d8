// bin/bench switch: the move of a running show from WebRTC to HLS: gap between two pictures, time from the viewer who is one too
// many until 95 % have moved, and how far the programme jumps back (by a clock painted in the studio). Five rounds
// (`BENCH_ROUNDS`) with three browsers. Prints one JSON line.
import { Show } from "../tests/crash/show.mjs";
import { Stage } from "../tests/crash/stage.mjs";
import { smallLimits } from "../tests/e2e/hls_side.mjs";
import { outlook } from "../tests/e2e/swap_watch.mjs";
import { Audience } from "../tests/e2e/viewers.mjs";
import { median } from "./load.mjs";
import { paintClock, readClock } from "./painted_clock.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);

const { settings } = await smallLimits();
// Cohorts and jitter as they are by default; the cooldown apart, since the audience comes and goes in seconds here.
for (const key of ["COHORT_PERCENT", "COHORT_EVERY_MS", "JITTER_MS"]) delete settings[`BACKSTAGE__DELIVERY__${key}`];
const stage = await Stage.open(60_000, settings);
const show = await Show.open(stage);
await show.creator.context.addInitScript(paintClock);
const audience = new Audience(stage.url);
const [gaps, moved, jumps] = [[], [], []];
try {
  await show.goLive();
  await audience.arrives();
  const second = await audience.arrives();
  await audience.watch("webrtc");
  let third = null;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [first] = audience.viewers;
    const before = median(await first.page.evaluate(readClock, 30));
    for (const { page } of audience.viewers) await page.evaluate(outlook);
    await first.page.evaluate((source) => {
      const read = new Function(`return ${source}`)();
      document.querySelector("live-player").addEventListener("delivery-changed", () => { window.jumpedTo = read(5); }, { once: true });
    }, readClock.toString());
    const began = Date.now();
    // Always the same three: each new holder of a pass raises what is expected, and then the show stays on HLS.
    if (third) await audience.returns(third);
    else third = await audience.arrives();
    const over = Date.now();
    await audience.watch("hls", 90_000);
    moved.push(Date.now() - over);
    console.error(`round ${round}: the third was in after ${over - began} ms, all have moved ${moved.at(-1)} ms later`);
    jumps.push(median(await first.page.evaluate(() => window.jumpedTo)) - before);
    for (const { page } of audience.viewers) gaps.push(...(await page.evaluate(outlook)).swaps.filter(({ to }) => to === "hls").map(({ gapMs }) => gapMs));
    await audience.stepsOut(third);
    await audience.stepsOut(second);
    await audience.watch("webrtc", 90_000);
    await audience.returns(second);
    await audience.watch("webrtc");
  }
  await audience.returns(third);
  await audience.close();
  await show.end();
} finally {
  await show.close();
  await stage.close();
}
console.log(
  JSON.stringify({
    bench: "switch",
    swaps: gaps.length,
    gap_ms_p50: median(gaps),
    gap_ms_max: Math.max(...gaps),
    threshold_to_all_moved_ms_p50: median(moved),
    threshold_to_all_moved_ms_max: Math.max(...moved),
    jump_back_ms_p50: median(jumps),
    jump_back_ms_max: Math.max(...jumps),
  }),
);
