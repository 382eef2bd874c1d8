// What was shown can be watched again: a show from a browser's camera, its recording in the list, in the player, gone.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe } from "node:test";
import { AXE, decodedRate, openBrowser, playerState, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";
import { STUDIO, WATCH, endStream, goLive, joinShow, steps } from "./show_steps.mjs";

const LIST = `${WATCH}/recordings`;
const SHOW_MS = 20_000;

describe("a show is recorded", { timeout: 240_000 }, () => {
  let server;
  let creator;
  let studio;
  let viewer;
  let page;

  before(async () => {
    server = await startServer();
    creator = await openBrowser();
    studio = await creator.page();
    await signIn(studio, server.url);
    viewer = await openBrowser();
    page = await viewer.page();
    page.setDefaultTimeout(20_000);
  });

  after(async () => {
    await viewer?.close();
    await creator?.close();
    await server?.stop();
    assert.deepEqual(viewer?.problems ?? [], [], "the viewer's console");
  });

  const step = steps(() => server.log());
  const fair = async () => {
    // The page's own policy forbids strange scripts, and stays on here.
    await page.evaluate(await readFile(AXE, "utf8"));
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map((one) => `${one.id} ${one.nodes[0].target}`), []);
  };
  const at = () => page.evaluate(() => document.querySelector('live-player [data-part="main"]').currentTime);

  step("a show is given, and its end leads to what was recorded", async () => {
    await studio.goto(server.url + STUDIO);
    await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
    await goLive(studio);
    await joinShow(page, server.url);
    await playerState(page, "live", 30_000);
    // As long as the viewer has really seen of it.
    await until(async () => (await at()) * 1000 >= SHOW_MS, "the show to be seen", SHOW_MS * 3);
    await endStream(studio);
    await playerState(page, "ended", 30_000);
    await page.getByRole("link", { name: "Watch again" }).click();
    await page.waitForURL(`**${LIST}`);
  });

  step("it comes into the list by itself", async () => {
    await page.locator("[data-recording-id]").waitFor({ timeout: 60_000 });
    assert.equal(await page.locator("[data-recording-id]").count(), 1);
    await until(() => page.locator(".poster img").evaluate((img) => img.naturalWidth > 0), "the picture");
    await fair();
  });

  step("it plays from start to end", async () => {
    await page.getByRole("link", { name: "Live from backstage", exact: true }).last().click();
    await page.locator('live-player[data-mode="vod"]').waitFor();
    await fair();
    await page.getByRole("button", { name: "Play" }).click();
    await page.locator('live-player[data-state="recording"]').waitFor();
    assert.equal(await page.locator("live-player").getAttribute("data-delivery"), "hls");
    await until(async () => (await at()) > 1, "it to play");
    assert.ok((await decodedRate(page)) >= 10, "pictures flow");
    const length = await page.evaluate(() => document.querySelector('live-player [data-part="main"]').duration);
    console.log(`# ${length} s recorded`);
    assert.ok(length > SHOW_MS / 1000 - 4 && length < SHOW_MS / 1000 + 15, `${length} s`);
    await until(() => page.evaluate(() => document.querySelector('live-player [data-part="main"]').ended), "the end", 60_000);
  });

  step("the creator deletes it, and it is gone", async () => {
    const address = page.url();
    await studio.goto(address);
    await studio.getByRole("button", { name: "Delete recording" }).click();
    await studio.getByRole("dialog").getByRole("button", { name: "Delete recording" }).click();
    await studio.getByText("No recordings yet").waitFor();
    const answer = await page.context().request.get(address);
    assert.equal(answer.status(), 404);
  });
});
