// Pictures of the pages for docs/: BACKSTAGE_BIN=path/to/backstage node tests/e2e/pictures.mjs docs/pictures
// Phone and desktop, light and dark, from an empty front page through sales and a whole show to its recording. On the way
// each page is judged: axe must find nothing and nothing may scroll sideways.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AXE, decodedRate, openBrowser, playerState, signIn } from "./browser.mjs";
import { openGuests } from "./guests.mjs";
import { drawScene } from "./scene.mjs";
import { startServer, until } from "./server.mjs";
import { STUDIO, WATCH } from "./show_steps.mjs";

const out = process.argv[2] ?? "docs/pictures";
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const SCHEMES = ["light", "dark"];
/** The studio is dark in either. */
const DARK = { schemes: ["dark"] };
const NAMES = ["Bea Koch", "Chidi Lawal", "Dana Moss", "Emil Novak", "Farah Aziz", "Goran Petek", "Hana Sato", "Iker Ruiz", "Joy Adeyemi", "Kai Brandt", "Lena Fischer"];
const BUYERS = [["lena", "pro"], ["kai", "basic"], ["joy", "pro"], ["iker", "pro", "4000 0000 0000 0259"], ["hana", "basic"], ["goran", "pro"]];
const FEATURES = [["Two live shows a month", "Thursdays at eight, about an hour."], ["Every recording", "With chapters, to watch again whenever you like."], ["A say in what is played", "Requests from the lobby, before the show."], ["Backstage", "With Pro: the rehearsal before the show."]];
const FAQ = [["Do I need an account?", "No. Pay, type the code from your mail, and you are in."], ["What if I miss a show?", "The recording is there the next morning."], ["Can I cancel?", "Whenever you like. You keep access until the time you paid for is over."]];
const DESCRIPTION = "Two new songs before they are finished, a few old ones by request, and a look at how a chorus gets built.\n\nBring tea.";

await mkdir(out, { recursive: true });
const drawings = await mkdtemp(join(tmpdir(), "backstage-scene-"));
const viewer = await openBrowser({ bypassCSP: true });
const watch = await viewer.page();
const scene = await drawScene(watch, drawings);
const creator = await openBrowser({ bypassCSP: true, flags: [scene.flag] });
const studio = await creator.page();
await studio.addInitScript(nameDevices);
const server = await startServer({
  BACKSTAGE__DELIVERY__COHORT_PERCENT: "100",
  BACKSTAGE__DELIVERY__COHORT_EVERY_MS: "1000",
  BACKSTAGE__DELIVERY__JITTER_MS: "200",
});
const wrong = [];
let guests;

/** Runs in the page: devices have names as people know them. */
function nameDevices() {
  const names = { videoinput: "Desk camera", audioinput: "Studio microphone", audiooutput: "Headphones" };
  Object.defineProperty(MediaDeviceInfo.prototype, "label", { get: function label() { return names[this.kind]; } });
}

async function judge(page, at) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) wrong.push(`${at}: scrolls sideways by ${over} px`);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const one of violations) wrong.push(`${at}: ${one.id} ${one.nodes[0].target}`);
}

async function picture(page, name, { part, awake = false, schemes = SCHEMES } = {}) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(await readFile(AXE, "utf8"));
  for (const [size, viewport] of Object.entries(SIZES))
    for (const colorScheme of schemes) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      if (awake) await page.locator("live-player").dispatchEvent("pointermove");
      // Colours fade from one scheme to the other, controls fade in.
      await page.evaluate(async () => {
        await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
        const fades = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
        await Promise.allSettled(fades.map((fade) => fade.finished));
      });
      if (part) await page.locator(part).first().scrollIntoViewIfNeeded();
      const path = join(out, `${name}-${size}-${colorScheme}.jpg`);
      await page.screenshot({ path, type: "jpeg", quality: 74 });
      await judge(page, `${name} ${size} ${colorScheme}`);
    }
}

/** Puts these values into the form of the page and sends it. */
async function fillIn(page, path, fields, submit) {
  await page.goto(server.url + path);
  for (const [label, value] of Object.entries(fields)) {
    const field = page.getByLabel(label, { exact: true });
    if (label === "Choose a picture") await field.setInputFiles(value);
    else await field.fill(value);
  }
  await page.getByRole("button", { name: submit }).click();
  await page.locator(".toast").waitFor();
}

/** Writes a part of the sales page, on the page of all its parts. */
async function write(page, part, fill) {
  await page.goto(`${server.url}/studio/demo/edit#edit-${part}`);
  const form = page.locator(`#form-${part}`);
  await fill(form);
  await form.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
}

/** Rows of a part, each of two fields. */
async function writeRows(form, add, labels, rows) {
  const row = form.locator("[data-rows-target=row]");
  for (const [place, words] of rows.entries()) {
    if ((await row.count()) <= place) await form.getByRole("button", { name: add }).click();
    for (const [at, label] of labels.entries()) await row.nth(place).getByLabel(label).fill(words[at]);
  }
}

/** Fills in the fields of a card. */
async function type(page, email, card = "4242 4242 4242 4242") {
  await page.getByRole("textbox", { name: "Email" }).fill(email);
  await page.getByLabel("Card number").fill(card);
  await page.getByLabel("Expiry").fill("12 / 34");
  await page.getByLabel("CVC").fill("123");
}

/** In two hours, as the field for it wants it. */
function soon() {
  const at = new Date(Date.now() + 2 * 3_600_000);
  at.setMinutes(at.getMinutes() - at.getTimezoneOffset(), 0, 0);
  return at.toISOString().slice(0, 16);
}

const moves = (page) => page.evaluate(() => document.querySelector('live-player [data-part="main"]').currentTime);

try {
  await watch.goto(server.url);
  await picture(watch, "home-empty");
  await watch.goto(`${server.url}/sign-in`);
  await picture(watch, "sign-in");

  await signIn(studio, server.url);
  await fillIn(studio, "/account", { Name: "Ada Stage" }, "Save");
  const space = { Name: "Kitchen Table Sessions", Headline: "Songs in the making, with the kettle on.", Description: "Every other Thursday, live from Ada's kitchen. The pass opens the show, the lobby and every recording." };
  await fillIn(studio, "/studio/demo/edit", space, "Save space");
  await fillIn(studio, `${STUDIO}/edit`, { Title: "Late night rehearsal", Description: DESCRIPTION, "Starts at": soon() }, "Save settings");
  await fillIn(studio, `${STUDIO}/edit`, { "Choose a picture": scene.poster, "What the picture shows": "Ada at her kitchen table with headphones and a microphone" }, "Save poster");
  await write(studio, "cover", async (form) => {
    await form.getByLabel("Choose a picture").setInputFiles(scene.poster);
    await form.getByLabel("What the picture shows").fill("Ada at her kitchen table");
  });
  await write(studio, "category", (form) => form.getByLabel("What it is about").selectOption({ label: "Music" }));
  await write(studio, "features", (form) => writeRows(form, "Add a feature", ["Title", "In a few words"], FEATURES));
  await write(studio, "faq", (form) => writeRows(form, "Add a question", ["Question", "Answer"], FAQ));
  await studio.goto(`${server.url}${STUDIO}/edit`);
  await picture(studio, "settings", { part: "#poster" });
  await studio.goto(`${server.url}/studio`);
  await picture(studio, "studio-index");

  for (const [name, path] of [["home", "/"], ["profile", "/@demo"], ["space", "/demo"], ["join", WATCH]]) {
    await watch.goto(server.url + path);
    await picture(watch, name);
  }

  await watch.goto(`${server.url}/demo/pro`);
  await watch.getByRole("button", { name: "Join" }).click();
  await watch.getByRole("dialog").waitFor();
  await type(watch, "lena@example.com");
  await picture(watch, "checkout");
  for (const [name, pass, card] of BUYERS) {
    await watch.goto(`${server.url}/demo/${pass}/checkout`);
    await type(watch, `${name}@example.com`, card);
    await watch.getByRole("button", { name: /^Pay / }).click();
    await watch.getByRole("heading", { name: "One more step: your code" }).waitFor();
  }
  await studio.goto(`${server.url}/studio/demo/orders`);
  await studio.getByRole("link", { name: "joy@example.com" }).click();
  await studio.getByRole("button", { name: "Refund" }).click();
  await until(async () => {
    await studio.goto(`${server.url}/studio/demo/orders`);
    return (await studio.getByText("Refunded").count()) + (await studio.getByText("Disputed").count()) === 2;
  }, "the refund and the dispute");
  await picture(studio, "orders");
  await studio.goto(`${server.url}/studio/demo/passes`);
  await picture(studio, "passes");

  await signIn(watch, server.url, "fan@example.com");
  await fillIn(watch, "/account", { Name: "Noor Haddad" }, "Save");
  await picture(watch, "account");
  await watch.goto(server.url + WATCH);
  await watch.getByRole("button", { name: "Join" }).click();
  await playerState(watch, "lobby");
  await watch.getByRole("button", { name: "Notify me" }).click();
  await watch.getByRole("button", { name: "You will be notified" }).waitFor();
  await playerState(watch, "lobby");
  await picture(watch, "notified");

  guests = await openGuests(server.url, WATCH, NAMES);
  await studio.goto(server.url + STUDIO);
  await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
  await studio.locator('.check[data-state="ok"]').nth(3).waitFor();
  await picture(studio, "studio-check", DARK);
  await studio.getByRole("button", { name: "Open lobby" }).click();
  await studio.getByText("12 waiting").waitFor();
  await watch.reload();
  await watch.getByText("12 people are here").waitFor();
  await picture(watch, "lobby");
  await studio.getByRole("tab", { name: "People" }).click();
  await picture(studio, "studio-lobby", DARK);

  await studio.getByRole("button", { name: "Go live" }).click();
  await playerState(watch, "live");
  guests.watch("webrtc");
  await watch.locator(".player__unmute").click();
  await studio.getByRole("tab", { name: "Health" }).click();
  await studio.waitForFunction(() => document.querySelector('[data-figure="bitrate"]').textContent !== "–");
  await until(async () => (await moves(watch)) > 12, "some of the show to be seen", 60_000);
  await picture(watch, "live", { awake: true });
  await picture(studio, "studio-live", DARK);

  await studio.locator('.segment:has(input[value="hls"])').click();
  await watch.locator('live-player[data-delivery="hls"][data-state="live"]').waitFor({ timeout: 40_000 });
  guests.watch("hls");
  await decodedRate(watch);
  await watch.getByRole("tab", { name: "Details" }).click();
  await until(async () => /behind live/.test(await watch.locator('[data-figure="latency"]').textContent()), "the distance", 40_000);
  await picture(watch, "live-hls", { awake: true });
  await studio.locator('[data-delivery-figure="hls"]').filter({ hasText: "12" }).waitFor({ timeout: 30_000 });
  await picture(studio, "studio-delivery", { part: ".delivery", ...DARK });

  studio.on("dialog", (dialog) => dialog.accept());
  await studio.goto("about:blank");
  await playerState(watch, "reconnecting", 60_000);
  await picture(watch, "reconnecting");
  await studio.goto(server.url + STUDIO);
  await studio.locator('.studio[data-link="on"]').waitFor({ timeout: 30_000 });
  await playerState(watch, "live", 60_000);
  // The report tells of whole minutes.
  await until(async () => /^1:[1-9]/.test(await studio.locator('[data-studio-target="elapsed"]').textContent()), "more than a minute", 90_000);
  await studio.getByRole("button", { name: "End stream" }).click();
  await studio.getByRole("dialog").waitFor();
  await picture(studio, "studio-end", DARK);
  await studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
  await playerState(watch, "ended");
  await picture(watch, "ended");
  await studio.locator('.studio[data-phase="archived"]').waitFor({ timeout: 60_000 });
  await picture(studio, "studio-ended", DARK);
  await studio.goto(`${server.url}${STUDIO}/timeline`);
  await studio.locator(".report summary").first().click();
  await picture(studio, "timeline");

  await watch.goto(`${server.url}${WATCH}/recordings`);
  await watch.locator("[data-recording-id]").waitFor({ timeout: 90_000 });
  await watch.getByRole("link", { name: "Late night rehearsal" }).last().click();
  await watch.locator('live-player[data-mode="vod"]').waitFor();
  await watch.getByRole("button", { name: "Play" }).click();
  await until(async () => (await moves(watch)) > 12, "some of the recording to be seen", 60_000);
  await picture(watch, "recording", { awake: true });
  for (let i = 0; i < 5; i += 1) await watch.keyboard.press("ArrowRight");
  await until(async () => (await moves(watch)) > 34, "a place further on");
  await watch.keyboard.press("k");
  await watch.goto(`${server.url}${WATCH}/recordings`);
  await until(() => watch.locator(".recordings .poster img").evaluate((img) => img.naturalWidth > 0), "the picture");
  await picture(watch, "recordings");
  await studio.goto(`${server.url}${WATCH}/recordings`);
  await studio.locator(".recordings a").first().click();
  await picture(studio, "recording-team");
} catch (error) {
  throw new Error(`${error.message}\n${server.log()}`, { cause: error });
} finally {
  guests?.leave();
  await creator.close();
  await viewer.close();
  await server.stop();
  await rm(drawings, { recursive: true, force: true });
}
if (wrong.length > 0) {
  console.error(wrong.join("\n"));
  process.exitCode = 1;
}
