import { Controller } from "@hotwired/stimulus";

/** Tabs by the ARIA pattern: one tab stop, arrows, Home and End move and open. */
export class TabsController extends Controller<HTMLElement> {
  static override targets = ["tab", "panel"];
  declare readonly tabTargets: HTMLElement[];
  declare readonly panelTargets: HTMLElement[];

  readonly #clicked = (event: Event): void => {
    const tab = (event.target as HTMLElement).closest<HTMLElement>("[role=tab]");
    if (tab) this.open(tab);
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    const now = this.tabTargets.indexOf(event.target as HTMLElement);
    if (now < 0) return;
    const last = this.tabTargets.length - 1;
    const next =
      event.key === "ArrowRight"
        ? now === last
          ? 0
          : now + 1
        : event.key === "ArrowLeft"
          ? now === 0
            ? last
            : now - 1
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? last
              : -1;
    const tab = this.tabTargets[next];
    if (!tab) return;
    event.preventDefault();
    this.open(tab);
    tab.focus();
  };

  override connect(): void {
    this.element.addEventListener("click", this.#clicked);
    this.element.addEventListener("keydown", this.#pressed);
  }

  override disconnect(): void {
    this.element.removeEventListener("click", this.#clicked);
    this.element.removeEventListener("keydown", this.#pressed);
  }

  /** Opens one tab by its element; the others close. */
  open(tab: HTMLElement): void {
    for (const each of this.tabTargets) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
    }
    for (const panel of this.panelTargets) panel.hidden = panel.id !== tab.getAttribute("aria-controls");
  }
}
