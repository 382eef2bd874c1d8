import { Controller } from "@hotwired/stimulus";

/** A toast that the server rendered: stays 8 s or until dismissed; pointer or focus on it keeps it. */
export class FlashController extends Controller<HTMLElement> {
  #timer = 0;

  override connect(): void {
    this.#timer = window.setTimeout(() => this.#leave(), 8_000);
  }

  override disconnect(): void {
    window.clearTimeout(this.#timer);
  }

  dismiss(): void {
    this.element.remove();
  }

  #leave(): void {
    if (this.element.matches(":hover, :focus-within")) this.connect();
    else this.dismiss();
  }
}
