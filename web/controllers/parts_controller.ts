import { Controller } from "@hotwired/stimulus";
import { editing } from "../../config/locales/en.json";
import { api, Refused } from "../lib/api";
import { fill } from "../lib/dom";
import { toast } from "../lib/toast";
import type { PartController } from "./part_controller";

const EVERY_MS = 4_000;
type Versions = { parts: Record<string, { version: string; by: string | null }> };

/** A sales page that stands open in front of an editor: looks every few seconds what others changed, and shows it. */
export class PartsController extends Controller<HTMLElement> {
  static override values = { url: String };
  declare urlValue: string;
  #timer = 0;
  #looking = false;
  #gone = false;

  readonly #look = (): void => void this.look();
  readonly #leave = (event: BeforeUnloadEvent): void => {
    if (this.#parts().some((part) => part.unsaved)) event.preventDefault();
  };

  override connect(): void {
    this.#timer = window.setInterval(this.#look, EVERY_MS);
    document.addEventListener("visibilitychange", this.#look);
    this.element.addEventListener("part:closed", this.#look);
    window.addEventListener("beforeunload", this.#leave);
  }

  override disconnect(): void {
    window.clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    this.element.removeEventListener("part:closed", this.#look);
    window.removeEventListener("beforeunload", this.#leave);
  }

  async look(): Promise<void> {
    if (document.hidden || this.#looking || this.#gone) return;
    this.#looking = true;
    try {
      const { parts } = await api<Versions>("GET", this.urlValue);
      for (const part of this.#parts()) {
        const newest = parts[part.nameValue];
        if (!newest || newest.version === part.versionValue) continue;
        if ((await part.freshen()) && newest.by) toast(fill(editing.changed_by, { name: newest.by }));
      }
    } catch (error) {
      // Not in the team any more: nothing to look for. Anything else may go through the next time.
      if (error instanceof Refused && (error.status === 403 || error.status === 404)) this.#gone = true;
    } finally {
      this.#looking = false;
    }
  }

  #parts(): PartController[] {
    const all = this.element.querySelectorAll("[data-controller~=part]");
    const of = (element: Element) =>
      this.application.getControllerForElementAndIdentifier(element, "part") as PartController | null;
    return [...all].map(of).filter((part) => part !== null);
  }
}
