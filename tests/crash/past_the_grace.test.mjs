// Whatever is hit, past the grace the stream ends, once, with the right cause, and nothing is left behind.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { FAULTS } from "./faults.mjs";
import { Show, turnsTo } from "./show.mjs";
import { Stage } from "./stage.mjs";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 10);

for (const [name, fault] of Object.entries(FAULTS)) {
  describe(`${name}, past the grace`, { timeout: ROUNDS * 120_000 }, () => {
    let stage;
    let show;

    before(async () => {
      stage = await Stage.open(1_000);
      show = await Show.open(stage);
    });
    after(async () => {
      await show?.close();
      assert.deepEqual(await stage?.close(), [], "processes left behind");
    });

    for (let round = 1; round <= ROUNDS; round += 1) {
      it(`the stream ends once, since the grace was over (${round})`, async () => {
        try {
          await show.goLive();
          await fault.lose(show);
          await show.isOver();
          stage.restore?.();
          const timeline = await show.timeline();
          const ends = turnsTo(timeline, "ended");
          assert.equal(ends.length, 1, "ended once");
          assert.equal(ends[0].event, "grace", "since the grace was over");
          assert.equal(turnsTo(timeline, "archived").length, 1, "archived once");
        } catch (error) {
          stage.restore?.();
          throw new Error(`${error.message}\n${stage.log()}`, { cause: error });
        }
      });
    }
  });
}
