// The creator chooses how the audience is served: HLS for one viewer, and back, with the reason in words.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, describe } from "node:test";
import { AXE, openBrowser, playerState } from "./browser.mjs";
import { startServer } from "./server.mjs";
import { goLive, joinShow, openStudio, steps } from "./show_steps.mjs";

const SHOTS = process.env.BACKSTAGE_SHOTS;

describe("the delivery, chosen in the studio", { timeout: 240_000 }, () => {
  let server;
  let creator;
  let studio;
  let guest;
  let viewer;

  before(async () => {
    server = await startServer({
      BACKSTAGE__DELIVERY__COHORT_PERCENT: "100",
      BACKSTAGE__DELIVERY__COHORT_EVERY_MS: "1000",
      BACKSTAGE__DELIVERY__JITTER_MS: "200",
      BACKSTAGE__DELIVERY__BUDGET__PER_1000_VIEWER_MINUTES_MINOR: "100",
    });
    creator = await openBrowser();
    studio = await creator.page();
    await openStudio(studio, server.url);
  });

  after(async () => {
    await guest?.close();
    await creator?.close();
    await server?.stop();
    assert.deepEqual(creator.problems, [], "the studio's console");
  });

  const step = steps(() => server.log());
  const shot = async (name) => {
    if (!SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    for (const [width, height] of [[1280, 900], [390, 844]]) {
      await studio.setViewportSize({ width, height });
      await studio.locator(".delivery:visible, .planned:visible").first().scrollIntoViewIfNeeded();
      await studio.screenshot({ path: `${SHOTS}/${name}-${width}.png`, fullPage: true });
    }
    await studio.setViewportSize({ width: 1280, height: 900 });
  };
  const delivered = (delivery) => viewer.locator(`live-player[data-delivery="${delivery}"]`).waitFor({ timeout: 40_000 });
  const says = (part, text) => studio.locator(`[data-delivery-part="${part}"]`).filter({ hasText: text }).waitFor({ timeout: 30_000 });
  const choose = (value) => studio.locator(`.segment:has(input[value="${value}"])`).click();

  step("before the show the checklist says what is planned", async () => {
    await says("planned", /real time/i);
    await shot("preflight");
  });

  step("chosen HLS moves the viewer, and the panel says so", async () => {
    await goLive(studio);
    guest = await openBrowser();
    viewer = await guest.page();
    await joinShow(viewer, server.url);
    await playerState(viewer, "live", 30_000);
    await delivered("webrtc");
    await studio.getByRole("tab", { name: "Health" }).click();
    await choose("hls");
    await says("reason", "You chose HLS.");
    await delivered("hls");
    await studio.locator('[data-delivery-figure="hls"]').filter({ hasText: "1" }).waitFor({ timeout: 30_000 });
    await studio.locator('[data-delivery-figure="bridge"]').filter({ hasText: "Running" }).waitFor();
    // The page's security policy takes no script tag of ours.
    await studio.evaluate(await readFile(AXE, "utf8"));
    const wrong = await studio.evaluate(async () => (await window.axe.run("#panel-health")).violations.map((v) => `${v.id} ${v.nodes[0].target}`));
    assert.deepEqual(wrong, []);
    await shot("hls");
  });

  step("chosen WebRTC brings the viewer back", async () => {
    await choose("webrtc");
    await says("reason", "You chose real time.");
    await delivered("webrtc");
  });

  step("the timeline tells the choice and the turn in sentences", async () => {
    await studio.getByRole("tab", { name: "Timeline" }).click();
    const lines = studio.locator("#panel-timeline .timeline li");
    await lines.filter({ hasText: "HLS" }).first().waitFor();
    assert.ok((await lines.allTextContents()).some((line) => line.includes("audience watches over HLS") || line.includes("New viewers get HLS")));
  });
});
