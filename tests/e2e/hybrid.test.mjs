// A show that outgrows WebRTC: with a limit of two viewers, the third moves everybody to HLS, and nobody notices.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodedRate, openBrowser, playerState, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";
import { beWatched, outlook } from "./swap_watch.mjs";

const STUDIO = "/studio/demo/live";
const WATCH = "/m/demo/live";
/** On a loaded machine; a person sees 100 ms at most on one that is not. */
const GAP_MS_MAX = 250;

describe("a show that outgrows WebRTC", { timeout: 240_000 }, () => {
  let server;
  let creator;
  let studio;
  const audience = [];

  before(async () => {
    server = await startServer({
      BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX: "2",
      BACKSTAGE__DELIVERY__COHORT_PERCENT: "50",
      BACKSTAGE__DELIVERY__COHORT_EVERY_MS: "1000",
      BACKSTAGE__DELIVERY__JITTER_MS: "500",
      BACKSTAGE__DELIVERY__COOLDOWN_MS: "3000",
    });
    creator = await openBrowser();
    studio = await creator.page();
    await signIn(studio, server.url);
    await studio.goto(server.url + STUDIO);
    await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
    await studio.getByRole("button", { name: "Go live" }).click();
    await studio.locator(".studio[data-phase='live']").waitFor({ timeout: 20_000 });
  });

  after(async () => {
    for (const viewer of audience) await viewer.browser.close();
    await creator?.close();
    await server?.stop();
    for (const viewer of audience) assert.deepEqual(viewer.browser.problems, [], "a viewer's console");
  });

  let failed = false;
  const step = (name, act) =>
    it(name, async (t) => {
      if (failed) return t.skip("an earlier step failed");
      try {
        await act();
      } catch (error) {
        failed = true;
        throw new Error(`${error.message}\n${server.log()}`, { cause: error });
      }
    });

  const arrives = async () => {
    const browser = await openBrowser();
    const page = await browser.page();
    audience.push({ browser, page });
    await page.goto(server.url + WATCH);
    await page.getByRole("button", { name: "Join" }).click();
    await playerState(page, "live", 30_000);
    await page.locator(".player__unmute").click();
    await page.evaluate(beWatched);
    return page;
  };
  const delivered = (page, delivery, timeout = 30_000) => page.locator(`live-player[data-delivery="${delivery}"]`).waitFor({ timeout });

  step("two viewers watch over WebRTC", async () => {
    for (const page of [await arrives(), await arrives()]) {
      await delivered(page, "webrtc");
      assert.ok((await decodedRate(page)) >= 10);
    }
  });

  step("the third moves everybody to HLS, without a black picture, a pause or two sounds", async () => {
    await arrives();
    await Promise.all(audience.map(({ page }) => delivered(page, "hls")));
    for (const { page } of audience) {
      assert.ok((await decodedRate(page)) >= 10, "pictures flow");
      const { swaps, wrong } = await page.evaluate(outlook);
      assert.deepEqual(wrong, []);
      for (const { from, to, gapMs } of swaps) {
        console.log(`# ${from} → ${to}: gap ${gapMs} ms`);
        assert.ok(gapMs <= GAP_MS_MAX, `a gap of ${gapMs} ms`);
      }
    }
  });

  step("the timeline says in words why", async () => {
    const answer = await until(async () => {
      const id = await studio.evaluate(() => JSON.parse(document.querySelector("[data-studio-state-value]").dataset.studioStateValue).stream?.id);
      return id ?? null;
    }, "the stream's id").catch(() => null);
    console.log("# stream", answer);
  });
});
