// A recording in the player: a file and an HLS playlist; the place is kept and told.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { AXE, openBrowser } from "./browser.mjs";
import { startServer, until } from "./server.mjs";

const SECONDS = 60;
const root = new URL("../../", import.meta.url);

/** The partial as the server would render it. */
async function recordingHtml({ src, progressUrl = "" }) {
  const texts = JSON.parse(await readFile(new URL("config/locales/en.json", root), "utf8"));
  const bar = await readFile(new URL("web/views/partials/player_bar.html", root), "utf8");
  const values = { "recording.src": src, "recording.id": "r1", "recording.duration_s": SECONDS, "recording.progress_url": progressUrl };
  return (await readFile(new URL("web/views/partials/recording.html", root), "utf8"))
    .replace(/\{#[^]*?#\}/g, "")
    .replace(/\{% if let[^]*?\{% endif %\}/g, "")
    .replace('{% include "partials/player_bar.html" %}', bar)
    .replace(/\{\{ page\.icon\("([\w-]+)"\)\|safe \}\}/g, '<svg class="icon" aria-hidden="true"><use href="#$1"></use></svg>')
    .replace(/\{\{ page\.t\("([\w.]+)"\) \}\}/g, (_all, key) => key.split(".").reduce((at, part) => at[part], texts))
    .replace(/\{\{ ([\w.]+) \}\}/g, (_all, key) => String(values[key]));
}

describe("a recording", { timeout: 120_000 }, () => {
  let server;
  let viewer;
  let page;
  let dir;
  let files;
  let base;
  const reports = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "backstage-recording-"));
    const make = promisify(execFile);
    const picture = ["-v", "error", "-f", "lavfi", "-i", `testsrc2=size=640x360:rate=15:duration=${SECONDS}`, "-f", "lavfi", "-i", `sine=frequency=440:duration=${SECONDS}`];
    const codec = "-c:v libx264 -preset ultrafast -profile:v baseline -g 30 -b:v 300k -c:a aac -shortest".split(" ");
    await make("ffmpeg", [...picture, ...codec, "-movflags", "+faststart", join(dir, "all.mp4")]);
    const cut = "-c copy -f hls -hls_time 4 -hls_playlist_type vod -hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4".split(" ");
    await make("ffmpeg", ["-v", "error", "-i", join(dir, "all.mp4"), ...cut, join(dir, "all.m3u8")]);
    files = createServer(async (request, response) => {
      const name = join(dir, new URL(request.url, "http://x").pathname.slice(1));
      const size = await stat(name).then((one) => one.size, () => 0);
      if (!size) return response.writeHead(404).end();
      const type = name.endsWith("m3u8") ? "application/vnd.apple.mpegurl" : "video/mp4";
      const headers = { "Access-Control-Allow-Origin": "*", "Content-Type": type, "Accept-Ranges": "bytes" };
      const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
      const [start, end] = range ? [Number(range[1]), range[2] ? Number(range[2]) : size - 1] : [0, size - 1];
      if (range) headers["Content-Range"] = `bytes ${start}-${end}/${size}`;
      response.writeHead(range ? 206 : 200, { ...headers, "Content-Length": end - start + 1 });
      createReadStream(name, { start, end }).pipe(response);
    });
    await new Promise((done) => files.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${files.address().port}`;
    server = await startServer();
    viewer = await openBrowser({ bypassCSP: true });
    page = await viewer.page();
    page.setDefaultTimeout(15_000);
    await page.route("**/progress", (route) => {
      reports.push(route.request().postDataJSON());
      return route.fulfill({ status: 204 });
    });
  });

  after(async () => {
    await viewer?.close();
    await server?.stop();
    await new Promise((done) => (files ? files.close(done) : done()));
    await rm(dir, { recursive: true, force: true });
    assert.deepEqual(viewer?.problems ?? [], [], "the console");
  });

  /** A page of the site with the recording in place of the show. */
  const open = async (src) => {
    const html = await recordingHtml({ src, progressUrl: "/progress" });
    await page.goto(`${server.url}/m/demo/live`);
    await page.evaluate((inside) => {
      document.querySelector("live-player").outerHTML = inside;
    }, html);
  };
  const at = () => page.evaluate(() => document.querySelector('live-player [data-part="main"]').currentTime);
  const state = (name) => page.locator(`live-player[data-state="${name}"]`).waitFor();

  it("plays a file on a press, is heard, seeks by key and slider, keeps and tells the place", async () => {
    await open(`${base}/all.mp4`);
    await state("ready");
    await page.getByRole("button", { name: "Play" }).click();
    await state("recording");
    assert.equal(await page.locator("live-player").getAttribute("data-delivery"), "file");
    await until(async () => (await at()) > 0.5, "it to play");
    assert.equal(await page.evaluate(() => document.querySelector('live-player [data-part="main"]').muted), false);
    for (let i = 0; i < 6; i += 1) await page.keyboard.press("ArrowRight");
    await until(async () => (await at()) > 25, "half a minute forward");
    const slider = page.getByRole("slider", { name: "Position" });
    await until(async () => /^\d+ seconds of 1 minute$/.test(await slider.getAttribute("aria-valuetext")), "the place in words");
    await page.addScriptTag({ path: AXE });
    const { violations } = await page.evaluate(() => window.axe.run("live-player"));
    assert.deepEqual(violations.map((one) => `${one.id} ${one.nodes[0].target}`), []);
    await page.keyboard.press("k");
    await until(() => reports.some((one) => one.position_s > 25 && one.duration_s === SECONDS), "the report of the place");
  });

  it("goes on where it was left, now from a playlist", async () => {
    await open(`${base}/all.m3u8`);
    await page.getByRole("button", { name: "Go on watching" }).click();
    await state("recording");
    assert.equal(await page.locator("live-player").getAttribute("data-delivery"), "hls");
    const first = await until(async () => (await at()) || null, "a position");
    assert.ok(first > 20 && first < 40, `begins at ${first}`);
    await until(async () => (await at()) > first + 0.5, "it to play on");
  });

  it("says so when it cannot be played, and offers to try again", async () => {
    await open(`${base}/gone.m3u8`);
    await page.locator('[data-part="start"]').click();
    await state("failed");
    await page.getByRole("button", { name: "Try again" }).click();
    await state("failed");
  });
});
