// Every page in both schemes at phone and desktop width: axe finds nothing, nothing scrolls sideways.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AXE, openBrowser, signIn } from "./browser.mjs";
import { startServer } from "./server.mjs";

const OPEN = ["/demo/free", "/demo/basic", "/demo?pass=pro", "/demo/pro/checkout", "/demo/pro/checkout?by=phone", "/", "/sign-in", "/sign-in?by=phone&next=/demo", "/@demo", "/demo", "/m/demo/live", "/dev/mail", "/dev/components", "/no-such-page"];
const TEAM = [
  "/studio/demo/passes",
  "/studio/demo/passes/new",
  "/studio/demo/passes/free/edit",
  "/studio/demo/passes/pro/prices",
  "/studio/demo/passes/pro/prices/new",
  "/studio/demo/orders",
  "/passes",
  "/",
  "/account",
  "/demo",
  "/m/demo/live",
  "/studio",
  "/studio/spaces/new",
  "/studio/demo/edit",
  "/studio/demo/experiences/new",
  "/studio/demo/live/edit",
  "/studio/demo/live",
  "/studio/demo/live/timeline",
];
const SIZES = [
  { width: 320, height: 640 },
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];

async function problemsOf(page, url) {
  const found = [];
  await page.goto(url);
  for (const colorScheme of ["light", "dark"])
    for (const size of SIZES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize(size);
      // Colours fade from one scheme to the other: judge them when they have arrived.
      await page.evaluate(async () => {
        await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
        const fades = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
        await Promise.allSettled(fades.map((fade) => fade.finished));
      });
      const at = `${new URL(url).pathname} ${size.width} ${colorScheme}`;
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) found.push(`${at}: scrolls sideways by ${over} px`);
      if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ path: AXE });
      const { violations } = await page.evaluate(() => window.axe.run());
      for (const v of violations) found.push(`${at}: ${v.id} (${v.nodes.length}) ${v.nodes[0].target}`);
    }
  return found;
}

describe("every page", { timeout: 300_000 }, () => {
  let server;
  let guest;
  let creator;

  before(async () => {
    server = await startServer();
    [guest, creator] = await Promise.all([openBrowser({ bypassCSP: true }), openBrowser({ bypassCSP: true })]);
    await signIn(await creator.page(), server.url);
  });

  after(async () => {
    await guest?.close();
    await creator?.close();
    await server?.stop();
  });

  for (const path of OPEN)
    it(`${path} is accessible to a guest`, async () => assert.deepEqual(await problemsOf(await guest.page(), server.url + path), []));
  for (const path of TEAM)
    it(`${path} is accessible to a creator`, async () => assert.deepEqual(await problemsOf(await creator.page(), server.url + path), []));
});
