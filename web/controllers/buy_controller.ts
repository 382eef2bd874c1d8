import { Controller } from "@hotwired/stimulus";
import { icon } from "../lib/dom";

const TIMEOUT_MS = 10_000;

/** Opens the checkout in a sheet over the page; where that fails, the form leads to the checkout page as it would without script. */
export class BuyController extends Controller<HTMLFormElement> {
  private opening = false;

  async open(event: SubmitEvent): Promise<void> {
    const submitter = event.submitter as HTMLButtonElement | null;
    if (submitter?.formMethod === "post") return;
    event.preventDefault();
    if (this.opening) return;
    this.opening = true;
    submitter?.setAttribute("aria-busy", "true");
    const query = new URLSearchParams(new FormData(this.element) as unknown as Record<string, string>);
    query.delete("csrf");
    const url = `${this.element.getAttribute("action")}?${query}`;
    try {
      await this.sheet(url);
    } catch {
      location.assign(url);
    } finally {
      this.opening = false;
      submitter?.removeAttribute("aria-busy");
    }
  }

  private async sheet(url: string): Promise<void> {
    const response = await fetch(url, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok || response.redirected) throw new Error("not here");
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const section = page.querySelector(".checkout");
    const script = [...page.querySelectorAll<HTMLScriptElement>("script[src]")].find((tag) =>
      tag.src.includes("checkout"),
    );
    if (!section || !script) throw new Error("no checkout");
    await import(script.src);
    const dialog = document.createElement("dialog");
    dialog.className = "sheet";
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button button--quiet button--icon sheet__close";
    close.setAttribute("aria-label", this.element.dataset.closeLabel ?? "");
    close.append(icon("close"));
    close.addEventListener("click", () => dialog.close());
    dialog.append(close, document.importNode(section, true));
    const heading = dialog.querySelector("h1");
    if (heading) {
      heading.id = "checkout-heading";
      dialog.setAttribute("aria-labelledby", heading.id);
    }
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}
