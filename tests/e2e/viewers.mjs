// An audience of real browsers, and what each of them sees.
import assert from "node:assert/strict";
import { decodedRate, openBrowser, playerState } from "./browser.mjs";
import { beWatched, outlook } from "./swap_watch.mjs";

const WATCH = "/m/demo/live";

export class Audience {
  constructor(url) {
    Object.assign(this, { url, viewers: [], problems: [] });
  }

  /** Another one comes and, once the show is on, hears it. `admitted` collects what the page was offered. */
  async arrives({ live = true } = {}) {
    const browser = await openBrowser();
    const page = await browser.page();
    const viewer = { browser, page, admitted: [] };
    page.on("response", async (response) => {
      if (response.url().endsWith("/admission") && response.ok()) viewer.admitted.push((await response.json().catch(() => ({}))).delivery);
    });
    this.viewers.push(viewer);
    await page.goto(this.url + WATCH);
    await page.getByRole("button", { name: "Join" }).click();
    if (live) await this.listens(viewer);
    return viewer;
  }

  /** Leaves the page and keeps the pass: the same person may come back. */
  async stepsOut(viewer) {
    this.viewers = this.viewers.filter((one) => one !== viewer);
    await viewer.page.goto("about:blank");
  }

  async returns(viewer) {
    this.viewers.push(viewer);
    await viewer.page.goto(this.url + WATCH);
    await this.listens(viewer);
  }

  async listens(viewer) {
    await playerState(viewer.page, "live", 30_000);
    const unmute = viewer.page.locator(".player__unmute");
    if (await unmute.isVisible()) await unmute.click();
    await viewer.page.evaluate(beWatched);
  }

  async leaves(viewer) {
    this.viewers = this.viewers.filter((one) => one !== viewer);
    this.problems.push(...viewer.browser.problems);
    await viewer.browser.close();
  }

  /** Waits until everybody watches this. */
  async watch(delivery, timeout = 40_000) {
    const on = ({ page }) => page.locator(`live-player[data-delivery="${delivery}"][data-state="live"]`).waitFor({ timeout });
    await Promise.all(this.viewers.map(on));
  }

  /** Everybody's pictures flow and nothing was wrong since the last time; gives every swap with its gap. */
  async seesNothing({ rate = 10 } = {}) {
    const seen = [];
    for (const { page } of this.viewers) {
      const fps = await decodedRate(page);
      const { swaps, wrong } = await page.evaluate(outlook);
      assert.deepEqual(wrong, []);
      assert.ok(fps >= rate, `${fps} pictures a second`);
      seen.push(...swaps);
    }
    return seen;
  }

  /** Per viewer the ms until the picture came from elsewhere or the slate was up, from `act` on. */
  async leaveDeadSource(act) {
    for (const { page } of this.viewers) await page.evaluate(onceOffHls);
    await act();
    const since = Date.now();
    return Promise.all(this.viewers.map(async ({ page }) => (await page.evaluate(() => window.offHls)) - since));
  }

  async close() {
    for (const viewer of [...this.viewers]) await this.leaves(viewer);
    assert.deepEqual(this.problems, [], "a viewer's console");
  }
}

/** Runs in the page: `window.offHls` tells the time at which the picture is no longer that of HLS. */
function onceOffHls() {
  const player = document.querySelector("live-player");
  window.offHls = new Promise((resolve) => {
    const look = () => {
      if (player.dataset.delivery === "webrtc" || player.dataset.state === "reconnecting") resolve(Date.now());
      else setTimeout(look, 20);
    };
    look();
  });
}
