// What the shows of these tests have in common: their addresses, how a creator opens and ends one, how a viewer comes in,
// and steps of which each needs the one before.
import { it } from "node:test";
import { signIn } from "./browser.mjs";

export const STUDIO = "/studio/demo/live";
export const WATCH = "/m/demo/live";

/** The creator signs in and sees herself in the studio. */
export async function openStudio(page, url) {
  await signIn(page, url);
  await page.goto(url + STUDIO);
  await page.waitForFunction(() => document.querySelector(".preview__camera").videoWidth > 0);
}

/** Presses Go live and waits until the stream is live. */
export async function goLive(studio) {
  await studio.getByRole("button", { name: "Go live" }).click();
  await studio.locator(".studio[data-phase='live']").waitFor({ timeout: 20_000 });
}

/** Ends the stream, with the question in between. */
export async function endStream(studio) {
  await studio.getByRole("button", { name: "End stream" }).click();
  await studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
}

/** A viewer takes the free pass. */
export async function joinShow(page, url) {
  await page.goto(url + WATCH);
  await page.getByRole("button", { name: "Join" }).click();
}

/** `it` for steps: after a failure the rest would only wait. `told` gives what is said beside an error. */
export function steps(told = () => "") {
  let failed = false;
  return (name, act) =>
    it(name, async (t) => {
      if (failed) return t.skip("an earlier step failed");
      try {
        await act();
      } catch (error) {
        failed = true;
        throw new Error(`${error.message}\n${told()}`, { cause: error });
      }
    });
}
