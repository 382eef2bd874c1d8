// Without camera and microphone: the studio says how to allow them, and the test card shows the whole thing work.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodedRate, openBrowser, playerState, signIn } from "./browser.mjs";
import { startServer } from "./server.mjs";
import { endStream, joinShow } from "./show_steps.mjs";

describe("a creator whose browser refuses camera and microphone", { timeout: 120_000 }, () => {
  let server;
  let creator;
  let viewer;

  before(async () => {
    server = await startServer();
    [creator, viewer] = await Promise.all([openBrowser({ devices: "refused" }), openBrowser()]);
  });

  after(async () => {
    await creator?.close();
    await viewer?.close();
    await server?.stop();
  });

  it("is told how to allow them and goes live with the test card", async () => {
    const studio = await creator.page();
    await signIn(studio, server.url);
    await studio.goto(`${server.url}/studio/demo/live`);
    await studio.getByText("The browser blocks camera and microphone.").waitFor();
    await studio.locator('[data-studio-target="testCardOffer"]').click();
    await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth === 1280);
    const watch = await viewer.page();
    await joinShow(watch, server.url);
    await playerState(watch, "lobby");
    await studio.getByRole("button", { name: "Go live" }).click();
    await playerState(watch, "live");
    assert.ok((await decodedRate(watch)) >= 10);
    await endStream(studio);
    await playerState(watch, "ended");
  });
});
