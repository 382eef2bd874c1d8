import { Controller } from "@hotwired/stimulus";

const EVERY_MS = 4_000;

/** A part of the page that is still becoming: asked for again every few seconds while somebody looks, until it is settled. */
export class FreshenController extends Controller<HTMLElement> {
  #timer = 0;

  override connect(): void {
    this.#timer = window.setInterval(() => void this.#look(), EVERY_MS);
  }

  override disconnect(): void {
    window.clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (document.hidden || this.element.contains(document.activeElement)) return;
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(this.element.id);
      if (fresh && this.element.isConnected) this.element.replaceWith(fresh);
    } catch {
      // The next look may go through.
    }
  }
}
