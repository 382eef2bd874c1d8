// A whole show through two browsers: lobby, live, swap, share, camera off, reload, end, timeline.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { decodedRate, openBrowser, playerState } from "./browser.mjs";
import { startServer, until } from "./server.mjs";
import { STUDIO, joinShow, openStudio, steps } from "./show_steps.mjs";

const FPS_MIN = 10;

describe("a show", { timeout: 240_000 }, () => {
  let server;
  let creator;
  let viewer;
  let studio;
  let watch;

  before(async () => {
    server = await startServer();
    [creator, viewer] = await Promise.all([openBrowser(), openBrowser()]);
    studio = await creator.page();
    watch = await viewer.page();
    for (const page of [studio, watch]) page.setDefaultTimeout(15_000);
  });

  const step = steps(() => server.log());

  after(async () => {
    await creator?.close();
    await viewer?.close();
    await server?.stop();
    assert.deepEqual(creator?.problems ?? [], [], "the studio's console");
    assert.deepEqual(viewer?.problems ?? [], [], "the viewer's console");
  });

  step("lets the creator sign in by a code and see the preview", async () => {
    await openStudio(studio, server.url);
    await studio.getByText("Media server reachable").waitFor();
    await studio.locator('.check[data-state="ok"]', { hasText: "Media server" }).waitFor();
  });

  step("opens the lobby and counts a viewer who joins by the free pass", async () => {
    await studio.getByRole("button", { name: "Open lobby" }).click();
    await studio.getByText("Lobby open", { exact: true }).waitFor();
    await joinShow(watch, server.url);
    await playerState(watch, "lobby");
    await studio.getByText("1 waiting").waitFor();
  });

  step("goes live; the viewer's picture comes without click or reload", async () => {
    await watch.evaluate(() => {
      window.sameDocument = true;
    });
    const pressed = Date.now();
    await studio.getByRole("button", { name: "Go live" }).click();
    await playerState(watch, "live");
    console.log(`# press to picture: ${Date.now() - pressed} ms`);
    assert.ok((await decodedRate(watch)) >= FPS_MIN, "frames per second");
    assert.equal(await watch.evaluate(() => window.sameDocument), true, "no reload");
    assert.equal(await watch.locator("live-player").getAttribute("data-delivery"), "webrtc");
    await studio.locator(".studio[data-phase='live']").waitFor();
  });

  step("starts muted and gives sound on one clear press", async () => {
    assert.equal(await watch.evaluate(() => document.querySelector("live-player audio").muted), true);
    await watch.locator(".player__unmute").click();
    await watch.waitForFunction(() => {
      const audio = document.querySelector("live-player audio");
      return !audio.muted && !audio.paused;
    });
  });

  step("swaps the camera without losing the viewer", async () => {
    const camera = studio.getByRole("combobox", { name: "Camera" });
    await camera.selectOption({ index: 2 });
    await studio.waitForFunction(
      () => document.querySelector(".preview__camera").srcObject?.getVideoTracks()[0]?.label === document.querySelector("#camera").selectedOptions[0].text,
    );
    assert.ok((await decodedRate(watch)) >= FPS_MIN, "frames per second after the swap");
    await playerState(watch, "live");
  });

  step("shares the screen big with the camera small, and takes it back", async () => {
    await studio.getByRole("button", { name: "Share screen" }).click();
    await watch.locator('live-player[data-layout="screen"]').waitFor();
    assert.ok((await decodedRate(watch, 10)) > 0);
    await watch.waitForFunction(() => document.querySelector('[data-part="inset"]').videoWidth > 0);
    await studio.getByRole("button", { name: "Stop sharing" }).click();
    await watch.locator('live-player[data-layout="camera"]').waitFor();
    assert.ok((await decodedRate(watch)) >= FPS_MIN);
  });

  step("turns the camera off (its light too) and on again", async () => {
    await studio.getByRole("button", { name: "Turn camera off" }).click();
    await watch.locator('live-player[data-camera="off"]').waitFor();
    assert.equal(await studio.evaluate(() => document.querySelector(".preview__camera").srcObject), null);
    await studio.getByRole("button", { name: "Turn camera on" }).click();
    await watch.locator('live-player[data-camera="on"]').waitFor();
    assert.ok((await decodedRate(watch)) >= FPS_MIN);
  });

  step("mutes and unmutes the microphone", async () => {
    await studio.getByRole("button", { name: "Mute microphone", exact: true }).click();
    await studio.getByRole("button", { name: "Unmute microphone" }).click();
    await studio.getByRole("button", { name: "Mute microphone", exact: true }).waitFor();
  });

  step("comes back on stage by itself after a reload of the studio, in the same stream", async () => {
    studio.on("dialog", (dialog) => dialog.accept());
    const stream = () => studio.evaluate(() => JSON.parse(document.querySelector("main").dataset.studioStateValue).stream?.id);
    await studio.reload();
    const first = await stream();
    await studio.locator('.studio[data-link="on"]').waitFor({ timeout: 30_000 });
    await playerState(watch, "live", 30_000);
    assert.ok((await decodedRate(watch)) >= FPS_MIN);
    await studio.reload();
    assert.equal(await stream(), first);
    await studio.locator('.studio[data-link="on"]').waitFor({ timeout: 30_000 });
    await playerState(watch, "live", 30_000);
    assert.ok((await decodedRate(watch)) >= FPS_MIN);
  });

  step("ends after a question, stops the camera, and the viewer sees the end", async () => {
    await studio.getByRole("button", { name: "End stream" }).click();
    const dialog = studio.getByRole("dialog");
    await dialog.getByRole("button", { name: "Keep going" }).click();
    await playerState(watch, "live");
    await studio.getByRole("button", { name: "End stream" }).click();
    await dialog.getByRole("button", { name: "End stream" }).click();
    await playerState(watch, "ended");
    await studio.locator('.studio[data-phase="ended"], .studio[data-phase="archived"]').waitFor();
    assert.equal(await studio.evaluate(() => document.querySelector(".preview__camera").srcObject), null, "no camera left on");
  });

  step("lists each step with its cause in the timeline", async () => {
    await studio.getByRole("tab", { name: "Timeline" }).click();
    const rows = await until(async () => {
      const found = await studio.locator("#panel-timeline li").evaluateAll((items) =>
        items.map((li) => ({ phase: li.dataset.phase, words: li.querySelector("p").textContent, cause: li.querySelector("small").textContent })),
      );
      return found.some((row) => row.phase === "ended" || row.phase === "archived") ? found : null;
    }, "the end in the timeline");
    const phases = rows.map((row) => row.phase);
    for (const phase of ["lobby", "live", "reconnecting", "ended"]) assert.ok(phases.includes(phase), `${phase} in ${phases}`);
    for (const row of rows) assert.ok(row.words && row.cause, JSON.stringify(row));
    assert.ok(rows.some((row) => row.cause === "You") && rows.every((row) => row.cause !== "creator"), "causes in words");
    await studio.goto(`${server.url}${STUDIO}/timeline`);
    await studio.getByRole("heading", { name: "Timeline" }).waitFor();
    assert.ok((await studio.locator(".timeline li").count()) >= rows.length);
  });
});
