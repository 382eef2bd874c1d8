import { Controller } from "@hotwired/stimulus";
import { type MomentStyle, momentWords } from "../models/moment";

/** Turns the server's UTC text of a `<time>` into the reader's zone and language. */
export class LocalTimeController extends Controller<HTMLTimeElement> {
  static override values = { style: { type: String, default: "full" } };
  declare styleValue: MomentStyle;

  override connect(): void {
    const at = Date.parse(this.element.dateTime);
    if (!Number.isNaN(at)) this.element.textContent = momentWords(at, Date.now(), this.styleValue);
  }
}
