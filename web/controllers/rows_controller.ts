import { Controller } from "@hotwired/stimulus";

/** A list of rows in a form: more, fewer, another order. Without script the rows that are there can be filled and emptied. */
export class RowsController extends Controller<HTMLElement> {
  static override targets = ["row", "template", "add", "tools"];
  static override values = { max: Number };
  declare readonly rowTargets: HTMLElement[];
  declare readonly hasTemplateTarget: boolean;
  declare readonly templateTarget: HTMLTemplateElement;
  declare readonly hasAddTarget: boolean;
  declare readonly addTarget: HTMLButtonElement;
  declare readonly toolsTargets: HTMLElement[];
  declare maxValue: number;
  #made = 0;

  override connect(): void {
    // Empty rows are there for those without script; here they come by the button.
    if (this.hasTemplateTarget)
      for (const row of this.rowTargets.slice(1))
        if (![...row.querySelectorAll<HTMLInputElement>("input, textarea")].some((field) => field.value))
          row.remove();
    this.#settle();
  }

  add(): void {
    if (!this.hasTemplateTarget || this.rowTargets.length >= this.maxValue) return;
    const row = this.templateTarget.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined;
    if (!row) return;
    this.#made += 1;
    for (const name of ["id", "for"])
      for (const element of row.querySelectorAll(`[${name}$="-new"]`))
        element.setAttribute(name, element.getAttribute(name)?.replace(/new$/, `more-${this.#made}`) ?? "");
    this.templateTarget.before(row);
    this.#settle();
    row.querySelector<HTMLElement>("input, textarea")?.focus();
  }

  remove(event: Event): void {
    const row = this.#rowOf(event);
    if (!row) return;
    const near = (row.nextElementSibling ?? row.previousElementSibling) as HTMLElement | null;
    row.remove();
    this.#settle();
    (near?.matches("[data-rows-target=row]")
      ? near.querySelector<HTMLElement>("input")
      : this.addTarget
    )?.focus();
  }

  up(event: Event): void {
    this.#move(event, -1);
  }

  down(event: Event): void {
    this.#move(event, 1);
  }

  #move(event: Event, by: 1 | -1): void {
    const row = this.#rowOf(event);
    const rows = this.rowTargets;
    const other = row && rows[rows.indexOf(row) + by];
    if (!row || !other) return;
    if (by < 0) other.before(row);
    else other.after(row);
    this.#settle();
    // A button that can go no further gives the focus to the other one.
    const pressed = event.currentTarget as HTMLButtonElement;
    const free = pressed.disabled
      ? row.querySelector<HTMLElement>(".rows__tools button:not(:disabled)")
      : pressed;
    free?.focus();
  }

  #rowOf(event: Event): HTMLElement | null {
    return (event.currentTarget as HTMLElement).closest<HTMLElement>("[data-rows-target=row]");
  }

  #settle(): void {
    const rows = this.rowTargets;
    for (const tools of this.toolsTargets) tools.hidden = false;
    rows.forEach((row, place) => {
      for (const [action, end] of [
        ["rows#up", 0],
        ["rows#down", rows.length - 1],
      ] as const) {
        const button = row.querySelector<HTMLButtonElement>(`[data-action="${action}"]`);
        if (button) button.disabled = place === end;
      }
      row.setAttribute(
        "aria-label",
        (row.getAttribute("aria-label") ?? "").replace(/\S*$/, String(place + 1)),
      );
    });
    if (this.hasAddTarget) {
      this.addTarget.hidden = false;
      this.addTarget.disabled = rows.length >= this.maxValue;
    }
  }
}
