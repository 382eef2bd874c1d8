// Every page in both schemes at phone and desktop width: axe finds nothing, nothing scrolls sideways.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AXE, openBrowser, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";

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
  "/m/demo/backstage?view=free",
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

/** A subscription that is offered something for staying; its order's path. */
async function subscribe(server, creator, buyer) {
  const team = await creator.page();
  await team.goto(`${server.url}/studio/demo/passes/basic/prices/new`);
  await team.getByRole("radio", { name: /^Again and again/ }).check();
  await team.getByLabel("Amount", { exact: true }).fill("8");
  await team.getByLabel("Percent off for who would cancel").fill("25");
  await team.getByRole("button", { name: "Save price" }).click();
  await team.getByText("Price saved.").waitFor();
  await team.close();
  const page = await buyer.page();
  await page.goto(`${server.url}/demo/basic`);
  await page.getByRole("radio", { name: /\$8/ }).check();
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("textbox", { name: "Email" }).fill("buyer@example.com");
  await page.getByLabel("Card number").fill("4242 4242 4242 4242");
  await page.getByLabel("Expiry").fill("12 / 34");
  await page.getByLabel("CVC").fill("123");
  await page.getByRole("button", { name: /^Pay / }).click();
  await page.getByRole("heading", { name: "One more step: your code" }).waitFor();
  const mails = async () => (await (await fetch(`${server.url}/dev/mail.json`)).json()).find((mail) => mail.to === "buyer@example.com" && mail.code);
  await page.getByLabel("6-digit code").fill((await until(mails, "the code")).code);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/m/demo/live");
  await page.goto(`${server.url}/passes`);
  await page.getByRole("link", { name: "Basic", exact: true }).click();
  await page.getByRole("link", { name: "Change card" }).waitFor();
  return new URL(page.url()).pathname;
}

describe("every page", { timeout: 300_000 }, () => {
  let server;
  let guest;
  let creator;
  let buyer;
  let order;

  before(async () => {
    server = await startServer();
    [guest, creator, buyer] = await Promise.all([1, 2, 3].map(() => openBrowser({ bypassCSP: true })));
    await signIn(await creator.page(), server.url);
    order = await subscribe(server, creator, buyer);
  });

  after(async () => {
    await guest?.close();
    await creator?.close();
    await buyer?.close();
    await server?.stop();
  });

  for (const path of OPEN)
    it(`${path} is accessible to a guest`, async () => assert.deepEqual(await problemsOf(await guest.page(), server.url + path), []));
  for (const path of TEAM)
    it(`${path} is accessible to a creator`, async () => assert.deepEqual(await problemsOf(await creator.page(), server.url + path), []));
  for (const path of ["", "/card", "/cancel"])
    it(`/orders/{id}${path} is accessible to its buyer`, async () => assert.deepEqual(await problemsOf(await buyer.page(), server.url + order + path), []));
  it("/studio/demo/orders/{id} is accessible to a creator", async () =>
    assert.deepEqual(await problemsOf(await creator.page(), `${server.url}/studio/demo${order}`), []));
});
