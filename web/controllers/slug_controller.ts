import { Controller } from "@hotwired/stimulus";
import { slugOf } from "../models/slug";

/** Proposes an address from the name while the address was never typed by hand. */
export class SlugController extends Controller<HTMLElement> {
  static override targets = ["source", "slug"];
  declare readonly sourceTarget: HTMLInputElement;
  declare readonly slugTarget: HTMLInputElement;
  #own = false;

  override connect(): void {
    this.#own = this.slugTarget.value !== "";
  }

  follow(): void {
    if (!this.#own) this.slugTarget.value = slugOf(this.sourceTarget.value);
  }

  taken(): void {
    this.#own = this.slugTarget.value !== "";
  }
}
