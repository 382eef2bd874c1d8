// A show that outgrows WebRTC: with a limit of two viewers the third moves everybody to HLS, and nobody notices. Then
// everything on the HLS side is hit in turn.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Show } from "../crash/show.mjs";
import { Stage } from "../crash/stage.mjs";
import { decodedRate, playerState } from "./browser.mjs";
import { canCut, ffmpegsOf, liveStreams, smallLimits } from "./hls_side.mjs";
import { until } from "./server.mjs";
import { outlook } from "./swap_watch.mjs";
import { Audience } from "./viewers.mjs";

/** On a loaded machine; a person sees 100 ms at most on one that is not. */
const GAP_MS_MAX = 250;
/** Nobody is left on a dead source for longer. */
const DEAD_MS_MAX = 5_000;
/** About a second when the machine is not busy: a bridge that joins, and two parts of a playlist. */
const HYBRID_MS_MAX = 10_000;

describe("a show that outgrows WebRTC", { timeout: 600_000 }, () => {
  let ports;
  let stage;
  let show;
  let audience;

  before(async () => {
    const { settings, ...rest } = await smallLimits();
    ports = rest;
    stage = await Stage.open(60_000, settings);
    show = await Show.open(stage);
    audience = new Audience(stage.url);
    await show.goLive();
  });

  after(async () => {
    stage?.restore?.();
    await audience?.close();
    await show?.close();
    assert.deepEqual(await stage?.close(), [], "processes left behind");
  });

  let failed = false;
  const step = (name, act, options = {}) =>
    it(name, options, async (t) => {
      if (failed) return t.skip("an earlier step failed");
      try {
        await act();
      } catch (error) {
        failed = true;
        stage.restore?.();
        const lines = await show.timeline().catch(() => []);
        const told = lines.map(({ at, event, phase, cause, words }) => `${new Date(at).toISOString().slice(17, 23)} ${phase} ${event} (${cause}): ${words}`);
        throw new Error(`${error.message}\n${told.join("\n")}\n${stage.log()}`, { cause: error });
      }
    });

  /** The timeline's lines on delivery since this moment. */
  const turns = async (since = 0) => (await show.timeline()).filter(({ at, event }) => at >= since && event.startsWith("delivery_"));
  const turnedTo = (event, since, timeout_ms = 60_000) => until(async () => (await turns(since)).find((one) => one.event === event), `${event} in the timeline`, timeout_ms);
  const bearable = (swaps) => {
    for (const { from, to, gapMs } of swaps) {
      console.log(`# ${from} → ${to}: gap ${Math.round(gapMs)} ms`);
      assert.ok(gapMs <= GAP_MS_MAX, `a gap of ${gapMs} ms`);
    }
  };

  step("two viewers watch over WebRTC", async () => {
    await audience.arrives();
    await audience.arrives();
    await audience.watch("webrtc");
    assert.deepEqual(await audience.seesNothing(), []);
  });

  step("the third moves everybody to HLS, without a black picture, a pause or two sounds", async () => {
    await audience.arrives();
    await audience.watch("hls");
    const swaps = await audience.seesNothing();
    assert.ok(swaps.length >= 2, "those who were there have been moved");
    bearable(swaps);
  });

  step("the timeline says in words why", async () => {
    const line = await turnedTo("delivery_hybrid", 0);
    assert.match(line.words, /\S/);
    assert.deepEqual((await turns()).map((one) => one.event).filter((event) => event === "delivery_fallback"), []);
  });

  step("nobody notices that ffmpeg is killed", async () => {
    const [pid, ...others] = await ffmpegsOf(stage.child.pid);
    assert.ok(pid && others.length === 0, "one ffmpeg");
    process.kill(pid, "SIGKILL");
    await until(async () => (await ffmpegsOf(stage.child.pid)).some((one) => one !== pid), "another ffmpeg");
    // As long as it takes to notice what is in the buffers.
    for (let round = 0; round < 5; round += 1) assert.deepEqual(await audience.seesNothing(), [], "no swap");
    await audience.watch("hls", 1_000);
  });

  const cuts = { skip: canCut() ? false : "packets cannot be cut here" };
  step(
    "when the way to the origin dies, everybody is off it in time and back on WebRTC",
    async () => {
      const since = Date.now();
      const took = await audience.leaveDeadSource(() => stage.cut({ tcp: ports.rtmp }));
      console.log(`# off the dead source after ${took.join(", ")} ms`);
      assert.ok(Math.max(...took) <= DEAD_MS_MAX, `${took} ms`);
      await turnedTo("delivery_fallback", since);
      await audience.watch("webrtc");
      for (const { page } of audience.viewers) assert.ok((await decodedRate(page)) >= 10);
    },
    cuts,
  );

  step(
    "it comes back by itself",
    async () => {
      const since = Date.now();
      stage.restore();
      await turnedTo("delivery_hls", since, 90_000);
      await audience.watch("hls");
      for (const { page } of audience.viewers) {
        assert.ok((await decodedRate(page)) >= 10);
        await page.evaluate(outlook);
      }
    },
    cuts,
  );

  step("when most have left, the last one is moved back to WebRTC", async () => {
    const since = Date.now();
    const [, second, third] = audience.viewers;
    await audience.leaves(second);
    await audience.leaves(third);
    await turnedTo("delivery_webrtc", since);
    await audience.watch("webrtc");
    bearable(await audience.seesNothing());
    await until(async () => (await ffmpegsOf(stage.child.pid)).length === 0, "ffmpeg to be gone");
  });

  step("at the end the stream is archived and nothing is left", async () => {
    const [last] = audience.viewers;
    await show.end();
    await playerState(last.page, "ended", 30_000);
    await until(async () => (await liveStreams(stage.data, ports.http)).every((one) => one.status === "disabled"), "no live stream that could be sent to");
    assert.deepEqual(await ffmpegsOf(stage.child.pid), []);
  });

  step("the next show is prepared in the lobby, since as many are expected, and begins with HLS", async () => {
    const waits = await audience.arrives({ live: false });
    const before = (await liveStreams(stage.data, ports.http)).length;
    await show.openLobby();
    await playerState(waits.page, "lobby");
    await until(async () => (await liveStreams(stage.data, ports.http)).length === before + 1, "a live stream in the lobby");
    await show.goLive();
    const live = (await show.timeline()).find((one) => one.phase === "live").at;
    // The warming begins with the first picture, in the same line: what is told next is that the playlist is proved.
    const proved = await turnedTo("delivery_hybrid", 0);
    console.log(`# HLS is proved ${proved.at - live} ms after the start`);
    assert.equal(proved.cause, "expected");
    assert.ok(proved.at - live <= HYBRID_MS_MAX, `after ${proved.at - live} ms`);
    const late = await audience.arrives();
    assert.equal(late.admitted[0], "hls", "who comes now gets HLS at once");
    await audience.watch("hls");
    await audience.listens(waits);
    for (const { page } of audience.viewers) await page.evaluate(outlook);
    assert.deepEqual(await audience.seesNothing(), []);
  });

  step("killed in mid-switch, the server goes on with the same cohorts and ends on HLS", async () => {
    await show.end();
    for (const { page } of audience.viewers) await playerState(page, "ended", 30_000);
    const stream = await show.goLive();
    const moving = await turnedTo("delivery_hybrid", 0);
    await stage.killServer();
    console.log(`# killed ${Date.now() - moving.at} ms after the first cohort was told`);
    await stage.start();
    await turnedTo("delivery_hls", 0, 90_000);
    await audience.watch("hls", 60_000);
    for (const { page } of audience.viewers) assert.ok((await decodedRate(page)) >= 10);
    assert.equal(await show.currentStream(), stream, "the same stream");
    const events = (await turns()).map((one) => one.event);
    assert.deepEqual(events, ["delivery_hybrid", "delivery_hls"], "it went on where it was");
    await show.end();
    await until(async () => (await liveStreams(stage.data, ports.http)).every((one) => one.status === "disabled"), "no live stream that could be sent to");
    assert.deepEqual(await ffmpegsOf(stage.child.pid), []);
  });
});
