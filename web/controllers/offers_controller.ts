import { Controller } from "@hotwired/stimulus";

const TIMEOUT_MS = 10_000;

/** Shows the pass that is chosen on a sales page in place, so that the page stays where it was scrolled to. */
export class OffersController extends Controller<HTMLElement> {
  private choosing = false;

  async choose(event: MouseEvent): Promise<void> {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (this.choosing) return;
    this.choosing = true;
    const { href } = event.currentTarget as HTMLAnchorElement;
    this.element.querySelector("nav")?.setAttribute("aria-busy", "true");
    try {
      const slot = await this.slot(href);
      this.element.replaceChildren(...slot.childNodes);
      history.replaceState(history.state, "", href);
      this.element.querySelector<HTMLElement>("a[aria-current]")?.focus({ preventScroll: true });
    } catch {
      location.assign(href);
    } finally {
      this.choosing = false;
    }
  }

  private async slot(url: string): Promise<HTMLElement> {
    const response = await fetch(url, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok || response.redirected) throw new Error("not here");
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const slot = page.getElementById(this.element.id);
    if (!slot) throw new Error("no passes");
    return document.importNode(slot, true);
  }
}
