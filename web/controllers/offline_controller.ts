import { Controller } from "@hotwired/stimulus";

/** The banner that is there while the browser knows it is offline. */
export class OfflineController extends Controller<HTMLElement> {
  readonly #update = (): void => {
    this.element.hidden = navigator.onLine;
  };

  override connect(): void {
    window.addEventListener("online", this.#update);
    window.addEventListener("offline", this.#update);
    this.#update();
  }

  override disconnect(): void {
    window.removeEventListener("online", this.#update);
    window.removeEventListener("offline", this.#update);
  }
}
