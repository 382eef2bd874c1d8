import { Controller } from "@hotwired/stimulus";

/** Sets a meter's fill from `data-level-value` (0..1); the CSP forbids style attributes, the CSSOM is free. */
export class LevelController extends Controller<HTMLElement> {
  override connect(): void {
    const level = Number(this.element.dataset.levelValue ?? 0);
    this.element.style.setProperty("--level", String(level));
  }
}
