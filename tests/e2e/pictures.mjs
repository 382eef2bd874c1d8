// Pictures of the pages for docs/: BACKSTAGE_BIN=path/to/backstage node tests/e2e/pictures.mjs docs/pictures
// Phone and desktop, light and dark, from an empty front page through a whole show with the test card.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openBrowser, playerState, signIn } from "./browser.mjs";
import { startServer } from "./server.mjs";

const out = process.argv[2] ?? "docs/pictures";
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
await mkdir(out, { recursive: true });
const server = await startServer();
const creator = await openBrowser();
const viewer = await openBrowser();

async function picture(page, name) {
  for (const [size, viewport] of Object.entries(SIZES))
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
      await page.screenshot({ path: join(out, `${name}-${size}-${colorScheme}.jpg`), type: "jpeg", quality: 80 });
    }
}

try {
  const studio = await creator.page();
  const watch = await viewer.page();
  for (const [name, path] of [["home", "/"], ["sign-in", "/sign-in"], ["space", "/demo"], ["join", "/m/demo/live"]]) {
    await watch.goto(server.url + path);
    await picture(watch, name);
  }
  await signIn(studio, server.url);
  await picture(studio, "studio-index");
  await studio.goto(`${server.url}/studio/demo/live`);
  await studio.getByRole("button", { name: "Use the test card" }).last().click();
  await studio.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
  await studio.getByRole("button", { name: "Open lobby" }).click();
  await watch.getByRole("button", { name: "Join" }).click();
  await playerState(watch, "lobby");
  await studio.getByText("1 waiting").waitFor();
  await picture(watch, "lobby");
  await picture(studio, "studio-lobby");
  await studio.getByRole("button", { name: "Go live" }).click();
  await playerState(watch, "live");
  await studio.getByRole("tab", { name: "Health" }).click();
  await studio.waitForFunction(() => document.querySelector('[data-figure="bitrate"]').textContent !== "–");
  await picture(watch, "live");
  await picture(studio, "studio-live");
  studio.on("dialog", (dialog) => dialog.accept());
  await studio.goto("about:blank");
  await playerState(watch, "reconnecting", 60_000);
  await picture(watch, "reconnecting");
  await studio.goto(`${server.url}/studio/demo/live`);
  await studio.locator('.studio[data-link="on"]').waitFor({ timeout: 30_000 });
  await studio.getByRole("button", { name: "End stream" }).click();
  await studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
  await playerState(watch, "ended");
  await picture(watch, "ended");
  await studio.goto(`${server.url}/studio/demo/live/timeline`);
  await picture(studio, "timeline");
} finally {
  await creator.close();
  await viewer.close();
  await server.stop();
}
