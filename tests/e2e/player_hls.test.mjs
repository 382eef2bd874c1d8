// The player on HLS: plays, tells how far behind it is, goes back and to live, renews its token, survives its origin.
// The stage is told of by a socket and an admission of the test's own, so that no creator is needed.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AXE, decodedRate, openBrowser, playerState } from "./browser.mjs";
import { startHls } from "./hls_source.mjs";
import { startServer, until } from "./server.mjs";
import { joinShow, steps } from "./show_steps.mjs";
import { standIn } from "./stand_in.mjs";

const PLAYER = "live-player";

const attribute = (page, name) => page.locator(PLAYER).getAttribute(name);
/** Elements of the player that can be heard. */
const heard = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("live-player video, live-player audio")]
      .filter((media) => !media.muted && media.volume > 0 && (media.srcObject || media.currentSrc))
      .map((media) => media.dataset.part),
  );
const position = (page) => page.evaluate(() => document.querySelector('live-player [data-part="main"]').currentTime);

describe("a show over HLS", { timeout: 240_000 }, () => {
  let server;
  let hls;
  let viewer;
  let page;
  let told;

  before(async () => {
    [server, hls] = await Promise.all([startServer(), startHls({ segments: 16 })]);
    // The page's policy names the origin once it is configured; this one is not.
    viewer = await openBrowser({ bypassCSP: true, viewport: { width: 1280, height: 800 } });
    page = await viewer.page();
    page.setDefaultTimeout(15_000);
    told = await standIn(page);
    told.answer = () => ({ delivery: "hls", hls: { url: hls.url("first") } });
  });

  const step = steps();

  after(async () => {
    await viewer?.close();
    await hls?.stop();
    await server?.stop();
    assert.deepEqual(viewer?.problems ?? [], [], "the viewer's console");
  });

  step("plays without a click, muted", async () => {
    told.delivery = "hls";
    await joinShow(page, server.url);
    await playerState(page, "live");
    assert.equal(await attribute(page, "data-delivery"), "hls");
    assert.ok((await decodedRate(page)) >= 10);
    assert.deepEqual(await heard(page), []);
  });

  step("gives sound on one press", async () => {
    await page.locator(".player__unmute").click();
    await until(async () => (await heard(page)).join() === "main", "sound from the picture on screen");
  });

  step("tells delivery and distance in the details, truly", async () => {
    await page.getByRole("tab", { name: "Details" }).click();
    const figure = (name) => page.locator(`[data-figure="${name}"]`);
    await until(async () => /^\d+(\.\d)? s behind live$/.test(await figure("latency").textContent()), "the distance");
    assert.equal(await figure("delivery").textContent(), "Broadcast");
    assert.equal(await figure("resolution").textContent(), "640 × 360");
    await until(async () => /bit\/s/.test(await figure("bitrate").textContent()), "the bitrate");
    assert.match(await figure("dropped").textContent(), /^\d+$/);
    await until(async () => Number(await attribute(page, "data-latency-ms")) < 2_500, "the catch-up to come near", 30_000);
    console.log(`# settled at ${await attribute(page, "data-latency-ms")} ms behind the stage`);
  });

  step("goes back by slider and keyboard, says how far, and returns to live", async () => {
    const slider = page.getByRole("slider", { name: "Position" });
    const before = await position(page);
    await slider.focus();
    for (let i = 0; i < 3; i += 1) await page.keyboard.press("PageDown");
    await until(async () => (await position(page)) < before - 1, "an earlier position");
    await page.locator("h1").click();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await until(async () => (await attribute(page, "data-behind")) === "true", "the player to say it is behind");
    assert.match(await slider.getAttribute("aria-valuetext"), /^\d+ seconds behind live$/);
    await playerState(page, "live");
    assert.ok((await decodedRate(page, 15)) >= 8, "the past plays too");
    await page.getByRole("button", { name: "Go to live" }).click();
    await until(async () => (await attribute(page, "data-behind")) === "false", "live");
    await page.getByRole("button", { name: "You watch live" }).waitFor();
  });

  step("is accessible while it plays", async () => {
    await page.addScriptTag({ path: AXE });
    for (const [width, height] of [[320, 640], [390, 844], [1280, 800]]) {
      await page.setViewportSize({ width, height });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `scrolls sideways by ${over} px at ${width}`);
      const inside = await page.evaluate(() => {
        const frame = document.querySelector("live-player").getBoundingClientRect();
        return [...document.querySelectorAll(".player__buttons > :not([hidden])")].every((one) => {
          const box = one.getBoundingClientRect();
          return box.width === 0 || (box.left >= frame.left - 1 && box.right <= frame.right + 1);
        });
      });
      assert.ok(inside, `a control is cut off at ${width}`);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map((one) => `${width}: ${one.id} ${one.nodes[0].target}`), []);
    }
  });

  step("survives a moment without its origin", async () => {
    await hls.pause();
    const began = Date.now();
    await playerState(page, "reconnecting");
    console.log(`# slate ${Date.now() - began} ms after the origin went away`);
    assert.ok(Date.now() - began < 5_000);
    assert.equal(await page.locator('[data-part="reconnecting-title"]').textContent(), "The picture got stuck. Getting it back…");
    await until(() => told.asked.some((body) => body?.failed === "hls"), "the server to be told what failed");
    await hls.resume();
    await playerState(page, "live", 20_000);
    assert.ok((await decodedRate(page)) >= 8);
    assert.deepEqual(await heard(page), ["main"], "one sound, as before");
  });
});

describe("a playback token that ends soon", { timeout: 120_000 }, () => {
  let server;
  let hls;
  let viewer;

  before(async () => {
    [server, hls] = await Promise.all([startServer(), startHls()]);
    viewer = await openBrowser({ bypassCSP: true });
  });
  after(async () => {
    await viewer?.close();
    await hls?.stop();
    await server?.stop();
  });

  it("is renewed without a stall, and every later request carries the new one", async () => {
    const page = await viewer.page();
    const told = await standIn(page);
    told.delivery = "hls";
    told.answer = (turn) => ({ delivery: "hls", hls: { url: hls.url(`t${turn}`) }, expires_at: Date.now() + (turn === 1 ? 14_000 : 600_000) });
    await joinShow(page, server.url);
    await playerState(page, "live");
    // A pause for loading or a pause event would be a stall.
    await page.evaluate(() => {
      const video = document.querySelector('live-player [data-part="main"]');
      window.stalls = [];
      for (const name of ["pause", "emptied", "loadstart"]) video.addEventListener(name, () => window.stalls.push(name));
      let last = performance.now();
      const frame = (now) => {
        if (now - last > 700) window.stalls.push(`no frame for ${Math.round(now - last)} ms`);
        last = now;
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);
    });
    await until(() => hls.requests.some((one) => one.token === "t2"), "a request with the new token", 20_000);
    hls.revoke("t1");
    const from = hls.requests.length;
    await until(() => hls.requests.slice(from).filter((one) => one.name.endsWith(".m4s")).length >= 4, "four more segments", 20_000);
    const later = hls.requests.slice(from + 2);
    assert.deepEqual(later.filter((one) => one.token !== "t2"), []);
    assert.ok(later.some((one) => one.name.startsWith("media")));
    assert.equal(told.asked.length, 2);
    assert.deepEqual(await page.evaluate(() => window.stalls), []);
    await playerState(page, "live");
  });
});

describe("qualities and captions", { timeout: 120_000 }, () => {
  let server;
  let hls;
  let viewer;

  before(async () => {
    [server, hls] = await Promise.all([startServer(), startHls()]);
    hls.offer({ qualities: 2, captions: true });
    viewer = await openBrowser({ bypassCSP: true });
  });
  after(async () => {
    await viewer?.close();
    await hls?.stop();
    await server?.stop();
  });

  it("are offered when there are some", async () => {
    const page = await viewer.page();
    const told = await standIn(page);
    told.delivery = "hls";
    told.answer = () => ({ delivery: "hls", hls: { url: hls.url("q") } });
    await joinShow(page, server.url);
    await playerState(page, "live");
    const quality = page.getByRole("combobox", { name: "Quality" });
    await quality.waitFor();
    assert.match(await quality.locator("option").first().textContent(), /^Auto/);
    await quality.selectOption({ label: "180p" });
    await until(async () => (await quality.inputValue()) === String(await quality.locator("option", { hasText: /^180p$/ }).getAttribute("value")), "the choice to stay");
    assert.ok((await decodedRate(page)) >= 8);
    const captions = page.getByRole("button", { name: "Captions" });
    await captions.click();
    await until(
      () => page.evaluate(() => [...document.querySelector('live-player [data-part="main"]').textTracks].some((track) => track.mode === "showing" && track.cues?.length > 0)),
      "captions on screen",
    );
    assert.equal(await captions.getAttribute("aria-pressed"), "true");
    await captions.click();
    await until(async () => (await captions.getAttribute("aria-pressed")) === "false", "captions off");
  });
});
