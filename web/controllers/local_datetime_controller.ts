import { Controller } from "@hotwired/stimulus";
import { fromLocalInput, toLocalInput, zoneName } from "../models/moment";

/** A date and time field in the reader's own zone; the hidden field beside it carries milliseconds UTC to the server. */
export class LocalDatetimeController extends Controller<HTMLElement> {
  static override targets = ["input", "millis", "zone"];
  declare readonly inputTarget: HTMLInputElement;
  declare readonly millisTarget: HTMLInputElement;
  declare readonly zoneTarget: HTMLElement;

  override connect(): void {
    this.zoneTarget.textContent = `(${zoneName()})`;
    const at = Number(this.millisTarget.value);
    if (at > 0) this.inputTarget.value = toLocalInput(at);
  }

  changed(): void {
    this.millisTarget.value = String(fromLocalInput(this.inputTarget.value) ?? "");
  }
}
