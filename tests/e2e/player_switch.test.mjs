// The swap in mid-show: a real stage over WebRTC, a real HLS stream beside it, and the server's word to move.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { decodedRate, openBrowser, playerState, signIn } from "./browser.mjs";
import { startHls } from "./hls_source.mjs";
import { startServer, until } from "./server.mjs";
import { STUDIO, endStream, joinShow, steps } from "./show_steps.mjs";
import { beWatched, outlook } from "./swap_watch.mjs";

/** Of a gap between two pictures on a loaded machine; a person sees 100 ms at most on one that is not. */
const GAP_MS_MAX = 250;

describe("a swap in mid-show", { timeout: 240_000 }, () => {
  let server;
  let hls;
  let creator;
  let viewer;
  let page;
  let studio;
  let socket;
  let offer = null;
  const asked = [];

  before(async () => {
    [server, hls] = await Promise.all([startServer(), startHls()]);
    [creator, viewer] = await Promise.all([openBrowser(), openBrowser({ bypassCSP: true })]);
    [studio, page] = [await creator.page(), await viewer.page()];
    for (const one of [studio, page]) one.setDefaultTimeout(15_000);
    // The server's own words go through, but its moves: it would take back ours, which are added.
    await page.routeWebSocket(/\/live\//, (route) => {
      socket = route;
      const server = route.connectToServer();
      server.onMessage((message) => {
        if (JSON.parse(message).type !== "move") route.send(message);
      });
    });
    await page.route("**/admission", async (route) => {
      asked.push(route.request().postDataJSON());
      const answer = offer?.();
      if (!answer) return route.continue();
      return route.fulfill({ json: { livekit: null, hls: null, stream_id: "s", expires_at: Date.now() + 600_000, ...answer } });
    });
    await signIn(studio, server.url);
    await studio.goto(server.url + STUDIO);
    await joinShow(page, server.url);
    await playerState(page, "lobby");
    await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
    await studio.getByRole("button", { name: "Go live" }).click();
    await playerState(page, "live");
    await page.locator(".player__unmute").click();
    await page.evaluate(beWatched);
  });

  const step = steps();

  after(async () => {
    await viewer?.close();
    await creator?.close();
    await hls?.stop();
    await server?.stop();
    assert.deepEqual(viewer?.problems ?? [], [], "the viewer's console");
  });

  const move = (delivery, within_ms = 200) => socket.send(JSON.stringify({ type: "move", delivery, within_ms }));
  const delivered = (delivery) => page.locator(`live-player[data-delivery="${delivery}"]`).waitFor({ timeout: 25_000 });
  /** What was seen and heard since the last call; nothing of it may have been wrong. */
  const seen = async (from, to) => {
    const { swaps, wrong, heard } = await page.evaluate(outlook);
    assert.deepEqual(wrong, []);
    assert.deepEqual(swaps.map((one) => [one.from, one.to]), [[from, to]]);
    console.log(`# ${from} → ${to}: gap ${swaps[0].gapMs} ms`);
    assert.ok(swaps[0].gapMs <= GAP_MS_MAX, `${swaps[0].gapMs} ms between two pictures`);
    assert.equal(heard, to === "webrtc" ? "audio" : "main", "who is heard now");
  };

  step("to HLS: no black picture, no pause, never two sounds, no click", async () => {
    offer = () => ({ delivery: "hls", hls: { url: hls.url("a") } });
    move("hls");
    await delivered("hls");
    await until(async () => Number(await page.locator("live-player").getAttribute("data-latency-ms")) > 300, "the distance");
    console.log(`# ${await page.locator("live-player").getAttribute("data-latency-ms")} ms behind the stage within a second of the swap`);
    await playerState(page, "live");
    assert.ok((await decodedRate(page)) >= 10);
    await until(() => page.evaluate(() => document.querySelector('live-player [data-part="spare"]').srcObject === null), "the room to be left");
    await seen("webrtc", "hls");
  });

  step("back to WebRTC", async () => {
    offer = null;
    move("webrtc");
    await delivered("webrtc");
    assert.ok((await decodedRate(page)) >= 10);
    await until(() => page.evaluate(() => !document.querySelector('live-player [data-part="spare"]').src), "HLS to be let go");
    await seen("hls", "webrtc");
  });

  step("stays on WebRTC when HLS has ended under it, and nobody notices", async () => {
    await hls.freeze();
    offer = () => ({ delivery: "hls", hls: { url: hls.url("b") } });
    move("hls");
    await page.locator('live-player[data-switching="true"]').waitFor();
    await page.locator('live-player[data-switching="false"]').waitFor({ timeout: 25_000 });
    assert.equal(await page.locator("live-player").getAttribute("data-delivery"), "webrtc");
    const { swaps, wrong } = await page.evaluate(outlook);
    assert.deepEqual(wrong, []);
    assert.deepEqual(swaps, []);
    await hls.thaw();
    move("webrtc");
  });

  step("falls back to WebRTC when HLS dies, with the slate in between at most", async () => {
    move("hls");
    await delivered("hls");
    const admissions = asked.length;
    offer = null;
    await hls.pause();
    const began = Date.now();
    await delivered("webrtc");
    await playerState(page, "live");
    console.log(`# back on WebRTC ${Date.now() - began} ms after HLS died`);
    assert.ok(Date.now() - began < 9_000);
    // Gone back to the one that was kept, or asked anew with the reason.
    assert.ok(asked.slice(admissions).every((body) => body.failed === "hls"), JSON.stringify(asked.slice(admissions)));
    await hls.resume();
    const { wrong } = await page.evaluate(outlook);
    assert.deepEqual(wrong, []);
  });

  step("sees the end", async () => {
    await endStream(studio);
    await playerState(page, "ended");
    assert.equal(await page.locator("live-player").getAttribute("data-delivery"), "");
  });
});
