import { Controller } from "@hotwired/stimulus";
import { viewer as words } from "../../config/locales/en.json";
import { deliveryWords, type FiguresEvent, type LivePlayer } from "../elements/live_player";
import { fill, setText } from "../lib/dom";
import { LiveSocket } from "../lib/live_socket";
import { peopleRows } from "../lib/people";
import { bitrate, count, milliseconds, resolution, secondsBehind } from "../models/format";
import type { ServerMessage, StateMessage } from "../models/live_state";

/** The viewer page: feeds the player from the socket and fills the panel beside it. */
export class ViewerController extends Controller<HTMLElement> {
  static override targets = ["count", "people"];
  static override values = { access: String, state: Object };
  declare readonly countTarget: HTMLElement;
  declare readonly peopleTarget: HTMLElement;
  declare readonly accessValue: string;
  declare readonly stateValue: Partial<StateMessage>;
  #socket: LiveSocket | null = null;
  /** The server counts the audience by what is on the screen. */
  readonly #delivery = new MutationObserver(() => this.#tellDelivery());

  readonly #figures = (event: Event): void => {
    if (!this.#player.dataset.delivery) return;
    const f = (event as FiguresEvent).detail;
    this.#figure("delivery", deliveryWords[f.delivery] ?? "–");
    this.#figure("resolution", resolution(f.width, f.height));
    this.#figure("fps", count(f.fps));
    const behind = f.delay_ms === null ? "–" : fill(words.behind_live, { time: secondsBehind(f.delay_ms) });
    this.#figure("latency", f.delivery === "hls" ? behind : milliseconds(f.delay_ms));
    this.#figure("rtt", milliseconds(f.rtt_ms));
    this.#figure("bitrate", bitrate(f.bitrate_bps));
    this.#figure("dropped", count(f.dropped));
    this.#figure("lost", count(f.lost));
  };

  override connect(): void {
    const state = this.stateValue;
    if (state.experience) this.#hear(state as StateMessage);
    this.#player.addEventListener("figures", this.#figures);
    if (this.accessValue !== "allowed") return;
    this.#socket = new LiveSocket(this.element.dataset.experienceId ?? "", "viewer", state.cursor ?? "", {
      message: (message) => this.#heard(message),
      connected: (up) => this.element.toggleAttribute("data-connected", up),
      refused: (why) => this.#player.refuse(why),
    });
    this.#delivery.observe(this.#player, { attributes: true, attributeFilter: ["data-delivery"] });
    this.#tellDelivery();
  }

  override disconnect(): void {
    this.#delivery.disconnect();
    this.#socket?.close();
    this.#socket = null;
    this.#player.removeEventListener("figures", this.#figures);
  }

  #tellDelivery(): void {
    const delivery = this.#player.dataset.delivery;
    if (!delivery) this.#forgetFigures();
    this.#socket?.watching(delivery === "webrtc" || delivery === "hls" ? delivery : null);
  }

  /** Video over the whole width, panel below. */
  theatre(event: Event): void {
    const on = this.element.dataset.theatre !== "true";
    this.element.dataset.theatre = String(on);
    (event.currentTarget as HTMLElement).setAttribute("aria-pressed", String(on));
  }

  #heard(message: ServerMessage): void {
    switch (message.type) {
      case "state":
        this.#hear(message);
        return;
      case "move":
        this.#player.move(message.delivery, message.within_ms);
        return;
      case "presence":
        this.#player.crowd(message.viewers, message.here);
        setText(this.countTarget, count(message.viewers));
        this.peopleTarget.replaceChildren(...peopleRows(message.viewers, message.here));
        return;
      case "access":
        if (!message.allowed) {
          this.#socket?.close();
          this.#player.refuse("access", message.reason);
        }
        return;
      case "timeline":
      case "bye":
      case "pong":
        return;
    }
  }

  #hear(message: StateMessage): void {
    const told = { delivery: message.delivery ?? null, within_ms: message.move_within_ms ?? 0 };
    this.#player.hear(message.stream ?? null, message.experience.starts_at, message.now ?? Date.now(), told);
  }

  /** While nothing plays, nothing is measured. */
  #forgetFigures(): void {
    for (const figure of this.element.querySelectorAll("[data-figure]")) setText(figure, "–");
  }

  #figure(name: string, text: string): void {
    setText(this.element.querySelector(`[data-figure="${name}"]`), text);
  }

  get #player(): LivePlayer {
    const player = this.element.querySelector<LivePlayer>("live-player");
    if (!player) throw new Error("the viewer page has no live-player");
    return player;
  }
}
