// bin/bench go-live: from the click on Go live to the viewer's first decoded frame. Baseline, same run, same media
// server: from publishTrack to the first frame of a subscriber who is connected already, with livekit-client alone.
// Prints one JSON line.
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openBrowser, playerState, signIn } from "../tests/e2e/browser.mjs";
import { startServer } from "../tests/e2e/server.mjs";
import { median } from "./load.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 15);
const CLIENT = fileURLToPath(new URL("../web/node_modules/livekit-client/dist/livekit-client.umd.js", import.meta.url));
const b64 = (value) => Buffer.from(value).toString("base64url");

async function ours(studio, watch, url) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await studio.goto(`${url}/studio/demo/live`);
    await studio.getByRole("button", { name: "Open lobby" }).click();
    await studio.getByText("Lobby open", { exact: true }).waitFor();
    await watch.goto(`${url}/m/demo/live`);
    await playerState(watch, "lobby");
    await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
    // Both clocks are this machine's: Date.now() in two pages compares.
    const firstFrame = watch.evaluate(
      () =>
        new Promise((resolve) => {
          const look = () => {
            const video = document.querySelector('live-player [data-part="main"]');
            if (video && video.getVideoPlaybackQuality().totalVideoFrames > 0) resolve(Date.now());
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    const clicked = await studio.evaluate(() => {
      const button = [...document.querySelectorAll("button")].find((b) => b.textContent.trim() === "Go live");
      const at = Date.now();
      button.click();
      return at;
    });
    times.push((await firstFrame) - clicked);
    await studio.locator(".studio[data-phase='live']").waitFor();
    await studio.getByRole("button", { name: "End stream" }).click();
    await studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
    await playerState(watch, "ended");
  }
  return times;
}

async function baseline(studio, watch, server) {
  const keys = JSON.parse(await readFile(`${server.data}/livekit/keys.json`, "utf8"));
  const token = (identity, room) => {
    const now = Math.floor(Date.now() / 1000);
    const video = { roomJoin: true, roomCreate: true, room, canPublish: true, canSubscribe: true, canPublishData: false };
    const body = b64(JSON.stringify({ iss: keys.api_key, sub: identity, nbf: now - 10, exp: now + 600, video }));
    const head = b64(JSON.stringify({ alg: "HS256", typ: "JWT" }));
    return `${head}.${body}.${createHmac("sha256", keys.api_secret).update(`${head}.${body}`).digest("base64url")}`;
  };
  const url = `ws://127.0.0.1:${keys.ports.http}`;
  const blank = `${server.url}/healthz`; // a secure context without our scripts or policy in the way
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const room = `bench-${round}`;
    for (const page of [studio, watch]) {
      await page.goto(blank);
      await page.addScriptTag({ path: CLIENT });
    }
    await watch.evaluate(
      async ({ url, token }) => {
        const room = new window.LivekitClient.Room();
        window.frame = new Promise((resolve) => {
          room.on("trackSubscribed", (track) => {
            if (track.kind !== "video") return;
            const video = track.attach();
            video.muted = true;
            document.body.append(video);
            video.requestVideoFrameCallback(() => resolve(Date.now()));
          });
        });
        await room.connect(url, token);
        window.room = room;
      },
      { url, token: token("viewer", room) },
    );
    const published = await studio.evaluate(
      async ({ url, token }) => {
        const { Room, createLocalVideoTrack } = window.LivekitClient;
        const room = new Room();
        await room.connect(url, token);
        const track = await createLocalVideoTrack();
        window.room = room;
        const at = Date.now();
        await room.localParticipant.publishTrack(track, { videoCodec: "h264", simulcast: false, backupCodec: false });
        return at;
      },
      { url, token: token("host", room) },
    );
    times.push((await watch.evaluate(() => window.frame)) - published);
    for (const page of [studio, watch]) await page.evaluate(() => window.room.disconnect());
  }
  return times;
}

const server = await startServer();
const browser = { bypassCSP: true };
const [creator, viewer] = await Promise.all([openBrowser(browser), openBrowser(browser)]);
try {
  const [studio, watch] = [await creator.page(), await viewer.page()];
  studio.on("dialog", (dialog) => dialog.accept());
  await signIn(studio, server.url);
  await watch.goto(`${server.url}/m/demo/live`);
  await watch.getByRole("button", { name: "Join" }).click();
  const times = await ours(studio, watch, server.url);
  const bare = await baseline(studio, watch, server);
  const p50 = median(times);
  console.log(
    JSON.stringify({
      bench: "go-live",
      rounds: ROUNDS,
      click_to_first_frame_ms_p50: p50,
      click_to_first_frame_ms_max: Math.max(...times),
      goal_ms_p50: 1200,
      baseline: "livekit-client alone, subscriber connected, publishTrack to first frame",
      baseline_ms_p50: median(bare),
      ratio_to_baseline: Number((p50 / median(bare)).toFixed(2)),
    }),
  );
} finally {
  await creator.close();
  await viewer.close();
  await server.stop();
}
