import { Controller } from "@hotwired/stimulus";
import { viewer } from "../../config/locales/en.json";
import { toast } from "../lib/toast";

/** Hands a link to the system's share sheet on phones, else copies it. */
export class ShareController extends Controller<HTMLElement> {
  static override values = { url: String, title: String };
  declare urlValue: string;
  declare titleValue: string;

  async share(): Promise<void> {
    const url = new URL(this.urlValue, location.href).href;
    const touch = matchMedia("(pointer: coarse)").matches;
    try {
      if (touch && navigator.share) await navigator.share({ title: this.titleValue, url });
      else {
        await navigator.clipboard.writeText(url);
        toast(viewer.copied);
      }
    } catch (error) {
      // Closing the share sheet is an answer, not a failure; without a clipboard the address itself is shown.
      if ((error as Error).name !== "AbortError") toast(url);
    }
  }
}
