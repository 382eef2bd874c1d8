// A creator on stage and what the books say about it.
import { openBrowser, playerState, signIn } from "../e2e/browser.mjs";
import { until } from "../e2e/server.mjs";

const STUDIO = "/studio/demo/live";
const WATCH = "/m/demo/live";
/** A kept-alive connection may belong to a server that was killed. */
const AGAIN = { maxRetries: 3 };

/** The events that brought a stream into a phase; those that came while it was there are left out. */
export const turnsTo = (timeline, phase) =>
  timeline.filter((event, at) => event.phase === phase && timeline[at - 1]?.phase !== phase);

export class Show {
  static async open(stage, { viewer = false } = {}) {
    const show = new Show(stage, await openBrowser());
    show.studio = await show.creator.page();
    await signIn(show.studio, stage.url);
    if (viewer) {
      show.audience = await openBrowser();
      show.watch = await show.audience.page();
      await show.watch.goto(stage.url + WATCH);
      await show.watch.getByRole("button", { name: "Join" }).click();
      await show.watch.locator("live-player").waitFor();
    }
    return show;
  }

  constructor(stage, creator) {
    Object.assign(this, { stage, creator });
  }

  /** Presses Go live and waits until the stream is live; remembers its id. */
  async goLive() {
    const { studio, stage } = this;
    await studio.goto(stage.url + STUDIO);
    studio.removeAllListeners("dialog");
    studio.on("dialog", (dialog) => dialog.accept().catch(() => undefined));
    await studio.getByRole("button", { name: "Go live" }).click();
    await studio.locator(".studio[data-phase='live']").waitFor({ timeout: 20_000 });
    if (this.watch) await playerState(this.watch, "live");
    this.stream = await until(() => this.currentStream(), "the stream's id");
    return this.stream;
  }

  /** Opens the lobby. */
  async openLobby() {
    await this.studio.goto(this.stage.url + STUDIO);
    const [id, csrf] = await this.studio.evaluate(() => [
      document.querySelector("[data-experience-id]").dataset.experienceId,
      document.querySelector("meta[name=csrf-token]").content,
    ]);
    const asked = { headers: { "x-csrf-token": csrf, origin: this.stage.url }, ...AGAIN };
    const answer = await this.creator.context.request.post(`${this.stage.url}/api/v1/experiences/${id}/lobby`, asked);
    if (!answer.ok()) throw new Error(`lobby: ${answer.status()} ${await answer.text()}`);
    this.stream = (await answer.json()).stream_id;
  }

  /** The open stream as the server knows it. */
  async currentStream() {
    const page = await this.creator.context.request.get(this.stage.url + STUDIO, AGAIN);
    const state = /data-studio-state-value="([^"]*)"/.exec(await page.text())?.[1]?.replaceAll("&quot;", '"').replaceAll("&#34;", '"');
    return JSON.parse(state ?? "{}").stream?.id ?? null;
  }

  /** The studio's tab dies without a word. */
  async crashTab() {
    const session = await this.creator.context.newCDPSession(this.studio);
    const gone = new Promise((resolve) => this.studio.once("crash", resolve));
    session.send("Page.crash").catch(() => undefined);
    await gone;
    const next = await this.creator.context.newPage();
    await this.studio.close().catch(() => undefined);
    this.studio = next;
  }

  /** The creator opens the studio again. */
  async returnToStudio() {
    await this.studio.goto(this.stage.url + STUDIO);
    await this.studio.locator('.studio[data-link="on"]').waitFor({ timeout: 45_000 });
  }

  /** Whether the studio knows that nothing of its media arrives. */
  async isOffStage() {
    return (await this.studio.locator(".studio").getAttribute("data-link")) !== "on";
  }

  /** The timeline of the stream of this show, oldest first. */
  async timeline() {
    const answer = await this.creator.context.request.get(`${this.stage.url}/api/v1/streams/${this.stream}/timeline`, AGAIN);
    if (!answer.ok()) throw new Error(`timeline: ${answer.status()}`);
    return (await answer.json()).events.toSorted((a, b) => a.at - b.at);
  }

  async phase() {
    return (await this.timeline()).at(-1).phase;
  }

  /** Waits until the stream is live, media is really there, and the viewer's picture moves. */
  async isLiveAgain() {
    await until(async () => (await this.phase()) === "live", "the stream to be live", 60_000);
    await until(async () => (await this.stage.rooms()).some((room) => room.name.endsWith(this.stream) && room.num_publishers >= 1), "a publisher in the room", 60_000);
    if (this.watch) {
      await playerState(this.watch, "live", 60_000);
      await until(() => this.pictureMoves(), "the viewer's picture to move", 60_000);
    }
  }

  pictureMoves() {
    return this.watch.evaluate(async () => {
      const video = document.querySelector('live-player [data-part="main"]');
      const frames = () => video.getVideoPlaybackQuality().totalVideoFrames;
      const from = frames();
      await new Promise((resolve) => setTimeout(resolve, 400));
      return frames() - from >= 4;
    });
  }

  async end() {
    await this.studio.getByRole("button", { name: "End stream" }).click();
    await this.studio.getByRole("dialog").getByRole("button", { name: "End stream" }).click();
    await this.isOver();
  }

  /** Waits until the stream is archived and its room is gone. */
  async isOver(timeout_ms = 90_000) {
    await until(async () => (await this.phase()) === "archived", "the stream to be archived", timeout_ms);
    await until(async () => (await this.stage.rooms()).length === 0, "the room to be gone", 30_000);
  }

  async close() {
    await this.creator.close();
    await this.audience?.close();
  }
}
