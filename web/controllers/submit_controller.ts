import { Controller } from "@hotwired/stimulus";

/** Shows work on a form's button at once and keeps a second press from sending it twice. */
export class SubmitController extends Controller<HTMLFormElement> {
  readonly #sending = (event: Event): void => {
    const button = this.element.querySelector<HTMLButtonElement>("button[type=submit]");
    if (button?.getAttribute("aria-busy") === "true") event.preventDefault();
    else button?.setAttribute("aria-busy", "true");
  };
  readonly #shown = (): void => {
    this.element.querySelector("button[type=submit]")?.removeAttribute("aria-busy");
  };

  override connect(): void {
    this.element.addEventListener("submit", this.#sending);
    // Coming back by the browser's history restores the page as it was left: busy.
    window.addEventListener("pageshow", this.#shown);
  }

  override disconnect(): void {
    this.element.removeEventListener("submit", this.#sending);
    window.removeEventListener("pageshow", this.#shown);
  }
}
