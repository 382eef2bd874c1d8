// Whatever is hit, inside the grace the same stream goes on, for its viewer too.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { FAULTS } from "./faults.mjs";
import { Show, turnsTo } from "./show.mjs";
import { Stage } from "./stage.mjs";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 10);

for (const [name, fault] of Object.entries(FAULTS)) {
  describe(`${name}, inside the grace`, { timeout: ROUNDS * 90_000 }, () => {
    let stage;
    let show;

    before(async () => {
      stage = await Stage.open(90_000);
      show = await Show.open(stage, { viewer: true });
    });
    after(async () => {
      await show?.close();
      assert.deepEqual(await stage?.close(), [], "processes left behind");
    });

    for (let round = 1; round <= ROUNDS; round += 1) {
      it(`the same stream goes on (${round})`, async () => {
        try {
          const stream = await show.goLive();
          await show.isLiveAgain();
          await fault.strike(show);
          await fault.mend(show);
          await show.isLiveAgain();
          assert.equal(await show.currentStream(), stream, "the same stream");
          const rooms = await stage.rooms();
          assert.equal(rooms.length, 1, "one room");
          await show.end();
          const ends = turnsTo(await show.timeline(), "ended");
          assert.equal(ends.length, 1, "ended once");
        } catch (error) {
          stage.restore?.();
          throw new Error(`${error.message}\n${stage.log()}`, { cause: error });
        }
      });
    }
  });
}
