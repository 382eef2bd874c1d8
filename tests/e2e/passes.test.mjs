// A creator makes a pass that opens one experience; a stranger on a phone finds it, takes it and is inside.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openBrowser, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";

describe("a pass", { timeout: 120_000 }, () => {
  let server;
  let creator;
  let stranger;

  before(async () => {
    server = await startServer();
    [creator, stranger] = await Promise.all([openBrowser(), openBrowser({ viewport: { width: 390, height: 844 } })]);
  });

  after(async () => {
    await creator?.close();
    await stranger?.close();
    await server?.stop();
    assert.deepEqual([...(creator?.problems ?? []), ...(stranger?.problems ?? [])], [], "a console");
  });

  it("is made, sorted and published with the keyboard alone", async () => {
    const page = await creator.page();
    await signIn(page, server.url);

    await page.goto(`${server.url}/studio/demo/passes`);
    await page.getByRole("link", { name: "New pass" }).press("Enter");
    await page.getByLabel("Name", { exact: true }).fill("Crew pass");
    assert.equal(await page.getByLabel("Address").inputValue(), "crew-pass");
    await page.getByLabel("Free access ends after (days)").fill("1");
    await page.getByRole("radio", { name: "Only what is chosen below" }).press("Space");
    await page.getByRole("checkbox", { name: "Backstage", exact: true }).press("Space");
    await page.getByRole("radio", { name: /^On offer/ }).press("Space");
    await page.getByRole("button", { name: "Create pass" }).press("Enter");
    await page.getByText("Pass saved.").waitFor();
    const up = page.getByRole("button", { name: "Move Crew pass up" });
    await until(async () => (await up.isDisabled()) || (await up.press("Enter"), false), "the pass to be the first");

    const cells = page.getByRole("row", { name: /^Live from backstage/ }).getByRole("cell");
    // Nobody without a pass, then the passes in their order.
    const shut = [true, true, false, false, false];
    assert.deepEqual(await cells.allInnerTexts().then((all) => all.map((text) => /does not/.test(text))), shut);
    // A cell leads to the page as such a holder sees it.
    await cells.nth(1).getByRole("link").press("Enter");
    await page.getByText("You see this page as a holder of Crew pass does.").waitFor();
    await page.getByRole("button", { name: "Join" }).waitFor();
    await page.getByRole("link", { name: "Stop" }).press("Enter");
    await page.getByText("You see this page as").waitFor({ state: "detached" });
  });

  it("is picked by a stranger on a phone, who is in at once", async () => {
    const page = await stranger.page();
    await page.goto(`${server.url}/demo`);
    await page.getByRole("link", { name: /Crew pass/ }).click();
    await page.waitForURL("**/demo?pass=crew-pass");
    await page.getByRole("heading", { name: "Crew pass" }).waitFor();
    await page.getByText("for one day").first().waitFor();
    await page.getByRole("button", { name: "Join" }).click();
    await page.waitForURL("**/m/demo/backstage");
    await page.getByText("You are in with: Crew pass, until").waitFor();
    await page.goto(`${server.url}/m/demo/live`);
    await page.getByRole("button", { name: "Join" }).waitFor();
  });

  it("is sold on a page of at most 150 kB without its media", async () => {
    const page = await (await openBrowser()).page();
    try {
      const sizes = [];
      page.on("response", (response) => sizes.push(response.request().sizes().then(({ responseBodySize }) => [response.url(), responseBodySize])));
      await page.goto(`${server.url}/demo`, { waitUntil: "networkidle" });
      const all = await Promise.all(sizes);
      assert.ok(all.length >= 4, `${all.length} files`);
      const bytes = all.reduce((sum, [, size]) => sum + size, 0);
      assert.ok(bytes <= 150_000, `${bytes} bytes: ${all.map(([url, size]) => `${new URL(url).pathname} ${size}`).join(", ")}`);
    } finally {
      await page.context().browser().close();
    }
  });

  it("has a page of its own that says until when it holds", async () => {
    const page = await stranger.page();
    await page.goto(`${server.url}/demo/crew-pass`);
    await page.getByText("You are in").waitFor();
    await page.getByRole("link", { name: "Enter" }).click();
    await page.waitForURL("**/m/demo/backstage");
  });
});
