// A show is recorded, and can be watched again once it is over.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openBrowser, playerState, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";

const STUDIO = "/studio/demo/live";
const WATCH = "/m/demo/live";

describe("a recorded show", { timeout: 240_000 }, () => {
  let server;
  let creator;
  let viewer;
  let studio;
  let page;

  before(async () => {
    server = await startServer();
    [creator, viewer] = await Promise.all([openBrowser(), openBrowser()]);
    [studio, page] = [await creator.page(), await viewer.page()];
    await signIn(studio, server.url);
    await page.goto(server.url + WATCH);
    await page.getByRole("button", { name: "Join" }).click();
    await playerState(page, "lobby");
  });

  after(async () => {
    await viewer?.close();
    await creator?.close();
    await server?.stop();
    assert.deepEqual(viewer?.problems ?? [], [], "the viewer's console");
  });

  it("is listed and plays in the browser after its end", async () => {
    try {
      await studio.goto(server.url + STUDIO);
      await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
      await studio.getByRole("button", { name: "Go live" }).click();
      await playerState(page, "live", 30_000);
      await page.waitForFunction(() => document.querySelector('live-player [data-part="main"]').currentTime > 6, null, { timeout: 60_000 });
      await studio.getByRole("button", { name: "End stream" }).click();
      await studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
      await playerState(page, "ended", 30_000);

      await page.goto(`${server.url + WATCH}/recordings`);
      const link = page.locator('main a[href*="/recordings/"]').first();
      await until(async () => {
        if ((await link.count()) > 0) return true;
        await page.reload();
        return false;
      }, "the recording in the list", 90_000);
      await link.click();
      const player = page.locator("live-player");
      await player.waitFor();
      await page.getByRole("button", { name: "Play" }).first().click();
      await page.waitForFunction(
        () => {
          const video = document.querySelector('live-player [data-part="main"]');
          return video.currentTime > 2 && video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 20;
        },
        null,
        { timeout: 60_000 },
      );
      const duration = await page.evaluate(() => document.querySelector('live-player [data-part="main"]').duration);
      assert.ok(duration >= 5, `the film is ${duration} s long`);
    } catch (error) {
      throw new Error(`${error.message}\n${server.log()}`, { cause: error });
    }
  });
});
