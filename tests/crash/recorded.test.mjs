// One show in which server, media server and encoder are killed in turn is one stream and one recording, and what was
// received until two seconds before each kill is in it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { ffmpegsOf } from "../e2e/hls_side.mjs";
import { until } from "../e2e/server.mjs";
import { Show, turnsTo } from "./show.mjs";
import { Stage } from "./stage.mjs";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 10);
/** What may be missing before a kill, ms. */
const LOST_MS_MAX = 2_000;
/** What is recorded between two kills, at least, ms. */
const BETWEEN_MS = 4_000;

describe("server, media server and encoder are killed in one show", { timeout: ROUNDS * 240_000 }, () => {
  let stage;
  let show;

  before(async () => {
    stage = await Stage.open(120_000);
    show = await Show.open(stage, { viewer: true });
  });
  after(async () => {
    await show?.close();
    assert.deepEqual(await stage?.close(), [], "processes left behind");
  });

  /** Parts of the recording on the disk, as {from, until} in ms since the epoch; the open one has no end. */
  const parts = async () => {
    const text = await readFile(join(stage.data, "recordings", show.stream, "index.jsonl"), "utf8").catch(() => "");
    const found = [];
    for (const line of text.split("\n").slice(0, -1)) {
      const entry = JSON.parse(line);
      if (entry.event === "begun") found.push({ number: entry.part, from: entry.captured_us / 1000, until: null });
      if (entry.event === "ended") found.at(-1).until = found.at(-1).from + entry.duration_us / 1000;
    }
    return found;
  };
  /** Waits until a part has been open for a while that began after this time. */
  const recorded = (since, what) =>
    until(async () => {
      const last = (await parts()).at(-1);
      return last && last.until === null && last.from >= since && Date.now() - last.from > BETWEEN_MS;
    }, `${what} to be recorded`, 60_000);

  /** Every film in the store is decoded without a complaint. */
  const decodes = async () => {
    const objects = join(stage.data, "objects");
    const films = (await readdir(objects, { recursive: true })).filter((name) => name.endsWith("video.mp4"));
    assert.ok(films.length > 0, "there is a film");
    for (const film of films) {
      const { stderr } = await promisify(execFile)("ffprobe", ["-v", "error", "-count_frames", "-show_streams", join(objects, film)]);
      assert.equal(stderr, "", film);
    }
  };

  for (let round = 1; round <= ROUNDS; round += 1) {
    it(`is one stream and one recording, with two seconds lost at most each time (${round})`, async () => {
      try {
        await show.watch.goto(`${stage.url}/m/demo/live`);
        await show.goLive();
        await recorded(0, "the begin");

        let killed = Date.now();
        const kills = [killed];
        await stage.killServer();
        await stage.start();
        await show.isLiveAgain();
        await recorded(killed, "what came after the server's death");

        killed = Date.now();
        kills.push(killed);
        await stage.killMedia();
        await show.isLiveAgain();
        await recorded(killed, "what came after the media server's death");

        // With HLS chosen there is an encoder for the sound.
        await show.studio.getByRole("tab", { name: "Health" }).click();
        await show.studio.locator('.segment:has(input[value="hls"])').click();
        await show.watch.locator('live-player[data-delivery="hls"]').waitFor({ timeout: 60_000 });
        const before = await parts();
        const [encoder] = await ffmpegsOf(stage.child.pid);
        assert.ok(encoder, "an encoder runs");
        process.kill(encoder, "SIGKILL");
        await until(async () => (await ffmpegsOf(stage.child.pid)).some((pid) => pid !== encoder), "another encoder", 20_000);
        await until(() => show.pictureMoves(), "the viewer's picture to move", 20_000);
        assert.deepEqual(await parts(), before, "the recording does not notice the encoder's death");

        const whole = await parts();
        for (const kill of kills) {
          const cut = whole.filter((part) => part.from < kill).at(-1);
          assert.ok(cut.until !== null, "the part before the kill was ended");
          const lost = kill - cut.until;
          console.log(`# ${Math.round(lost)} ms lost`);
          assert.ok(lost <= LOST_MS_MAX, `${lost} ms were lost`);
        }

        await show.end();
        const timeline = await show.timeline();
        assert.equal(turnsTo(timeline, "ended").length, 1, "ended once");
        assert.equal(turnsTo(timeline, "archived").length, 1, "archived once");
        const list = await show.audience.context.newPage();
        await list.goto(`${stage.url}/m/demo/live/recordings`);
        await list.locator("[data-recording-id]").first().waitFor();
        assert.equal(await list.locator("[data-recording-id]").count(), round, "one recording of each show");
        await list.close();
        await decodes();
      } catch (error) {
        throw new Error(`${error.message}\n${stage.log()}`, { cause: error });
      }
    });
  }
});
