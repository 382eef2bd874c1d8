// A team writes its sales page in place, with the keyboard; a second editor sees it; lists are dragged into order.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { AXE, openBrowser, signIn } from "./browser.mjs";
import { startServer, until } from "./server.mjs";

const PHONE = { width: 390, height: 844 };
const picture = (colour, size) => ({
  name: "picture.png",
  mimeType: "image/png",
  buffer: execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `color=${colour}:s=${size}`, "-frames:v", "1", "-f", "image2pipe", "-vcodec", "png", "-"]),
});

/** What axe finds on the page as it stands, and whether it scrolls sideways. */
async function problemsOf(page) {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
    if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ path: AXE });
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const v of violations) found.push(`${colorScheme}: ${v.id} (${v.nodes.length}) ${v.nodes[0].target}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) found.push(`${colorScheme}: scrolls sideways by ${over} px`);
  }
  return found;
}

describe("a sales page", { timeout: 240_000 }, () => {
  let server;
  let first;
  let second;
  let stranger;

  before(async () => {
    server = await startServer();
    const phone = { viewport: PHONE, bypassCSP: true };
    [first, second, stranger] = await Promise.all([openBrowser(phone), openBrowser(), openBrowser(phone)]);
    await signIn(await first.page(), server.url);
    await signIn(await second.page(), server.url);
    await (await first.page()).goto(`${server.url}/demo`);
  });

  after(async () => {
    const all = [first, second, stranger].filter(Boolean);
    for (const browser of all) await browser.close();
    await server?.stop();
    assert.deepEqual(all.flatMap((browser) => browser.problems), [], "a console");
  });

  it("shows its team what is missing, and nothing of that to a stranger", async () => {
    const page = await first.page();
    for (const name of ["Add a cover", "Add a logo", "Add a category", "Add what people get", "Add pictures", "Add questions and answers"])
      await page.getByRole("link", { name }).waitFor();
    assert.deepEqual(await problemsOf(page), []);
    const other = await stranger.page();
    await other.goto(`${server.url}/demo`);
    assert.equal(await other.getByRole("link", { name: /^(Add|Edit)/ }).count(), 0);
    assert.equal(await other.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => /\/edit\./.test(name)).length), 0);
    assert.deepEqual(await problemsOf(other), []);
  });

  it("is written in place with the keyboard alone", async () => {
    const page = await first.page();
    const pencil = page.getByRole("link", { name: "Edit name and headline" });
    await pencil.focus();
    await pencil.press("Enter");
    const form = page.getByRole("form", { name: "Edit name and headline" });
    await form.waitFor();
    assert.deepEqual(await problemsOf(page), []);
    const name = form.getByLabel("Name");
    assert.equal(await name.evaluate((field) => field === document.activeElement), true);

    // Escape puts everything back, and the focus where it was.
    await page.keyboard.type(" and more");
    await page.keyboard.press("Escape");
    await form.waitFor({ state: "detached" });
    await page.getByRole("heading", { level: 1, name: "Demo Stage", exact: true }).waitFor();
    assert.equal(await pencil.evaluate((link) => link === document.activeElement), true);

    await page.keyboard.press("Enter");
    await form.waitFor();
    await form.getByLabel("Headline").focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("Two shows a week, and you are in.");
    await page.keyboard.press("ControlOrMeta+Enter");
    await form.waitFor({ state: "detached" });
    await page.getByText("Two shows a week, and you are in.").waitFor();
    await page.getByText("Saved.").waitFor();
    assert.equal(await pencil.evaluate((link) => link === document.activeElement), true);
  });

  it("takes features and questions in rows, and says at the field what is wrong", async () => {
    const page = await first.page();
    await page.getByRole("link", { name: "Add what people get" }).press("Enter");
    const form = page.getByRole("form", { name: "Edit features" });
    await form.getByRole("group", { name: "Feature 1" }).getByLabel("In a few words").fill("Without a title");
    await form.getByRole("button", { name: "Save" }).press("Enter");
    await form.getByText("Give it a title.").waitFor();
    const title = form.getByRole("group", { name: "Feature 1" }).getByLabel("Title");
    assert.equal(await title.evaluate((field) => field === document.activeElement), true);
    assert.deepEqual(await problemsOf(page), []);
    await page.keyboard.type("Second");
    await form.getByRole("button", { name: "Add a feature" }).press("Enter");
    await page.keyboard.type("First");
    await form.getByRole("group", { name: "Feature 2" }).getByRole("button", { name: "Move up" }).press("Enter");
    await form.getByRole("button", { name: "Save" }).press("Enter");
    const features = page.getByRole("region", { name: "What you get" });
    await features.getByText("First").waitFor();
    assert.deepEqual(await features.locator("strong").allInnerTexts(), ["First", "Second"]);

    await page.getByRole("link", { name: "Add questions and answers" }).press("Enter");
    const faq = page.getByRole("form", { name: "Edit questions" });
    await faq.getByLabel("Question", { exact: true }).fill("Do I need an account?");
    await faq.getByLabel("Answer").fill("No. Join with **one click**.");
    await page.keyboard.press("ControlOrMeta+Enter");
    const answer = page.getByRole("region", { name: "Questions and answers" }).getByText("one click");
    await page.getByText("Do I need an account?").click();
    await answer.waitFor();
    assert.equal(await answer.evaluate((words) => words.tagName), "STRONG");
  });

  it("gets a cover, a logo and a category", async () => {
    const page = await first.page();
    await page.getByRole("link", { name: "Add a category" }).click();
    await page.getByLabel("What it is about").selectOption({ label: "Music" });
    await page.getByRole("form", { name: "Edit category" }).getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "Edit category" }).waitFor();

    for (const [add, edit, size, alt] of [
      ["Add a cover", "Edit cover", "1280x720", "A stage in warm light"],
      ["Add a logo", "Edit logo", "300x300", "A white square"],
    ]) {
      await page.getByRole("link", { name: add }).click();
      const form = page.getByRole("form", { name: edit });
      await form.getByRole("button", { name: "Save" }).click();
      await form.getByText("Choose a picture first.").waitFor();
      await form.getByLabel(/^Choose a picture/).setInputFiles(picture("orange", size));
      await form.getByLabel("What the picture shows").fill(alt);
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByRole("img", { name: alt }).waitFor();
    }
    assert.deepEqual(await problemsOf(page), []);
    const other = await stranger.page();
    await other.goto(`${server.url}/demo`);
    for (const text of ["Music", "First", "Do I need an account?"]) await other.getByText(text, { exact: true }).waitFor();
    await until(() => other.getByRole("img", { name: "A stage in warm light" }).evaluate((image) => image.naturalWidth > 0), "the cover");
    assert.match(await other.locator("meta[property='og:image']").getAttribute("content"), /\/posters\//);
    assert.deepEqual(await problemsOf(other), []);
    await other.goto(`${server.url}/m/demo/live`);
    await other.getByRole("img", { name: "A white square" }).waitFor();
  });

  it("shows a second editor what changed, and loses nothing that two of them typed", async () => {
    const [one, two] = [await first.page(), await second.page()];
    await two.goto(`${server.url}/demo`);
    const write = async (page, words, key) => {
      await page.getByRole("link", { name: "Edit description" }).click();
      const field = page.getByRole("form", { name: "Edit description" }).getByLabel("Description");
      await field.fill(words);
      if (key) await field.press(key);
    };
    // Both look; one saves; the page of the other follows by itself.
    await write(one, "From the first editor.", "ControlOrMeta+Enter");
    await two.getByText("From the first editor.").waitFor({ timeout: 10_000 });

    // Both write at once: the later one is told, keeps the words, and may put them over the newest.
    await write(two, "Long thought about by the second.");
    await write(one, "The first was faster.", "ControlOrMeta+Enter");
    await one.getByText("The first was faster.").waitFor();
    const form = two.getByRole("form", { name: "Edit description" });
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("in another window").waitFor();
    await form.getByRole("group", { name: "The newest" }).getByText("The first was faster.").waitFor();
    assert.equal(await form.getByLabel("Description").inputValue(), "Long thought about by the second.");
    await form.getByRole("button", { name: "Save" }).click();
    await two.getByText("Saved.").waitFor();
    await one.getByText("Long thought about by the second.").waitFor({ timeout: 10_000 });
  });

  it("keeps what was typed when the server is away", async () => {
    const page = await first.page();
    await page.getByRole("link", { name: "Edit description" }).click();
    const form = page.getByRole("form", { name: "Edit description" });
    await form.getByLabel("Description").fill("Typed on a train.");
    await page.context().setOffline(true);
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("The server cannot be reached.").waitFor();
    await page.context().setOffline(false);
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByText("Typed on a train.").waitFor();
  });

  it("leads to the page of all fields without script", async () => {
    const plain = await openBrowser({ javaScriptEnabled: false, viewport: PHONE });
    await plain.context.addCookies(await first.context.cookies());
    const page = await plain.page();
    await page.goto(`${server.url}/demo`);
    await page.getByRole("link", { name: "Edit features" }).click();
    await page.waitForURL("**/studio/demo/edit#edit-features");
    await page.getByRole("heading", { name: "Features" }).waitFor();
    await page.locator("#edit-features").getByLabel("Title").first().fill("Without script");
    await page.locator("#edit-features").getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await page.locator("#edit-features").getByLabel("Title").first().inputValue(), "Without script");
    await plain.close();
  });

  it("sorts passes by drag and by keyboard, and says where they are", async () => {
    const page = await second.page();
    await page.goto(`${server.url}/studio/demo/passes`);
    const names = () => page.locator("[data-sort-target=item]").evaluateAll((items) => items.map((item) => item.dataset.sortName));
    assert.deepEqual(await names(), ["Free", "Basic", "Pro"]);
    const grip = (place) => page.locator("[data-sort-target=item]").nth(place).locator(".grip");
    const centre = async (locator) => {
      const { x, y, width, height } = await locator.boundingBox();
      return [x + width / 2, y + height / 2];
    };
    const [from, to] = [await centre(grip(2)), await centre(grip(0))];
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(from[0], (from[1] + to[1]) / 2, { steps: 8 });
    await page.mouse.move(to[0], to[1] - 20, { steps: 8 });
    const saved = page.waitForResponse((response) => response.url().endsWith("/passes/order"));
    await page.mouse.up();
    assert.equal((await saved).status(), 204);
    assert.deepEqual(await names(), ["Pro", "Free", "Basic"]);
    await page.getByRole("status").filter({ hasText: "Pro: place 1 of 3." }).waitFor({ state: "attached" });

    // By keyboard, without loading the page anew: the focus stays on the button.
    const down = page.getByRole("button", { name: "Move Pro down" });
    const moved = page.waitForResponse((response) => response.url().endsWith("/passes/order"));
    await down.press("Enter");
    await moved;
    assert.deepEqual(await names(), ["Free", "Pro", "Basic"]);
    assert.equal(await down.evaluate((button) => button === document.activeElement), true);
    await page.getByText("Pro: place 2 of 3.").waitFor({ state: "attached" });
    assert.equal(await page.getByRole("button", { name: "Move Free up" }).isDisabled(), true);
    await page.reload();
    assert.deepEqual(await names(), ["Free", "Pro", "Basic"]);

    // An order that could not be saved is undone.
    await page.route("**/passes/order", (route) => route.abort());
    await page.getByRole("button", { name: "Move Pro down" }).press("Enter");
    await page.getByText("The new order could not be saved.").waitFor();
    assert.deepEqual(await names(), ["Free", "Pro", "Basic"]);
    await page.unroute("**/passes/order");
  });

  it("sorts experiences by touch; the first one is where the show's short address leads", async () => {
    const page = await second.page();
    await page.goto(`${server.url}/studio`);
    const saved = page.waitForResponse((response) => response.url().endsWith("/experiences/order"));
    const item = page.locator("[data-sort-target=item]");
    const boxes = [await item.nth(0).locator(".grip").boundingBox(), await item.nth(1).locator(".grip").boundingBox()];
    await page.evaluate(() => {
      // A pointer that the page invents cannot be captured.
      Element.prototype.setPointerCapture = () => undefined;
    });
    await item.nth(1).locator(".grip").dispatchEvent("pointerdown", { pointerId: 1, pointerType: "touch", isPrimary: true, button: 0, clientX: boxes[1].x, clientY: boxes[1].y + 20 });
    await page.locator(".dragged .grip").dispatchEvent("pointermove", { pointerId: 1, pointerType: "touch", clientX: boxes[0].x, clientY: boxes[0].y - 10 });
    await page.locator(".dragged .grip").dispatchEvent("pointerup", { pointerId: 1, pointerType: "touch", clientX: boxes[0].x, clientY: boxes[0].y - 10 });
    assert.equal((await saved).status(), 204);
    await page.goto(`${server.url}/m/demo`);
    assert.match(page.url(), /\/m\/demo\/backstage$/);
    await page.goto(`${server.url}/studio`);
    assert.deepEqual(await page.locator("[data-sort-target=item]").evaluateAll((items) => items.map((one) => one.dataset.sortName)), ["Backstage", "Live from backstage"]);
  });

  it("shows a page of another site in a frame to those with a pass, and to nobody else", async () => {
    const page = await first.page();
    await page.goto(`${server.url}/studio/demo/experiences/new`);
    await page.getByLabel("Title").fill("The film");
    await page.getByLabel("Address to show").waitFor({ state: "hidden" });
    await page.getByRole("radio", { name: /^Page of another site/ }).press("Space");
    await page.getByLabel("Starts at").waitFor({ state: "hidden" });
    await page.getByLabel("Address to show").fill("https://evil.test/film");
    await page.getByRole("button", { name: "Create experience" }).press("Enter");
    await page.getByText("That site cannot be shown here.").waitFor();
    await page.getByLabel("Address to show").fill("https://vimeo.com/76979871");
    await page.getByRole("button", { name: "Create experience" }).press("Enter");
    await page.waitForURL("**/m/demo/the-film");

    // The demo's free pass opens the live show alone: now it opens everything.
    await page.goto(`${server.url}/studio/demo/passes/free/edit`);
    await page.getByRole("radio", { name: /^Everything/ }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Pass saved.").waitFor();

    // The other site, played by the test.
    const viewer = await openBrowser({ viewport: PHONE });
    const reached = [];
    await viewer.context.route("https://player.vimeo.com/**", (route) => {
      reached.push(route.request().url());
      return route.fulfill({ contentType: "text/html", body: "<!doctype html><html lang=en><title>Player</title><main><h1>A film plays</h1></main>" });
    });
    const other = await viewer.page();
    await other.goto(`${server.url}/m/demo/the-film`);
    await other.getByRole("button", { name: "Join" }).waitFor();
    assert.deepEqual(reached, []);
    await other.getByRole("button", { name: "Join" }).click();
    const frame = other.frameLocator("iframe[title='The film']");
    await frame.getByRole("heading", { name: "A film plays" }).waitFor();
    assert.deepEqual(reached, ["https://player.vimeo.com/video/76979871"]);
    const over = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `scrolls sideways by ${over} px`);
    await viewer.close();
    assert.deepEqual(viewer.problems, []);
  });
});
