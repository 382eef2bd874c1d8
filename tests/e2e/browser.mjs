// Chromium with invented devices, one profile per person.
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./server.mjs";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];
// Of Chromium's invented cameras the second sends depth pictures, which WebRTC drops: the swap takes the third.
const DEVICES = ["--use-fake-device-for-media-stream=fps=30,device-count=3", "--use-fake-ui-for-media-stream"];

/** A browser of one person; `devices: "refused"` says no to every question, `flags` are further ones of the program. */
export async function openBrowser({ devices = "allowed", flags = [], ...options } = {}) {
  const profile = await mkdtemp(join(tmpdir(), "backstage-browser-"));
  const args = [...FLAGS, ...(devices === "allowed" ? DEVICES : ["--use-fake-device-for-media-stream", "--deny-permission-prompts"]), ...flags];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args,
    ...options,
  });
  const problems = [];
  context.on("weberror", (e) => problems.push(String(e.error().stack ?? e.error())));
  context.on("console", (m) => {
    if (m.type() === "error" && /Content Security Policy|Refused to/.test(m.text())) problems.push(m.text());
  });
  return {
    context,
    problems,
    page: async () => context.pages()[0] ?? context.newPage(),
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Signs in by the code in the development mailbox, as a person would. */
export async function signIn(page, url, email = "creator@example.com") {
  const before = await newestMailAt(url, email);
  await page.goto(`${url}/sign-in`);
  await page.getByRole("textbox", { name: "Email" }).fill(email);
  await page.getByRole("button", { name: "Send code" }).click();
  await page.getByRole("textbox", { name: "6-digit code" }).waitFor();
  const code = await until(async () => {
    const mails = await mailsTo(url, email);
    return mails.length > before ? mails[0].code : null;
  }, "the sign-in mail");
  await page.getByRole("textbox", { name: "6-digit code" }).fill(code);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Studio" }).first().waitFor();
}

async function mailsTo(url, email) {
  const answer = await (await fetch(`${url}/dev/mail.json`)).json();
  return (Array.isArray(answer) ? answer : answer.mails).filter((mail) => mail.to.includes(email));
}

async function newestMailAt(url, email) {
  return (await mailsTo(url, email)).length;
}

/** Frames per second that the page's player really decodes, over the next `frames` frames; rejects when none come for 10 s. */
export function decodedRate(page, frames = 30) {
  return page.evaluate(async (wanted) => {
    const video = document.querySelector('live-player [data-part="main"]');
    const total = () => video.getVideoPlaybackQuality().totalVideoFrames;
    const next = () =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("no frame for 10 s")), 10_000);
        video.requestVideoFrameCallback(() => {
          clearTimeout(late);
          resolve();
        });
      });
    await next();
    const from = total();
    const start = performance.now();
    while (total() - from < wanted) await next();
    return ((total() - from) / (performance.now() - start)) * 1000;
  }, frames);
}

/** Waits for the player's state. */
export function playerState(page, state, timeout = 20_000) {
  return page.locator(`live-player[data-state="${state}"]`).waitFor({ timeout });
}
