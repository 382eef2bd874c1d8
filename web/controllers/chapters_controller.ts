import { Controller } from "@hotwired/stimulus";

/** Chapters of a recording: a press goes there in the player of this page. */
export class ChaptersController extends Controller<HTMLElement> {
  go(event: Event & { params: { at: number } }): void {
    const player = this.element.querySelector("live-player");
    if (!player) return;
    event.preventDefault();
    player.dispatchEvent(new CustomEvent("go-to", { detail: { position_s: event.params.at } }));
    player.scrollIntoView({ block: "nearest" });
  }
}
