import { Controller } from "@hotwired/stimulus";
import { editing } from "../../config/locales/en.json";
import { el, fill, icon } from "../lib/dom";
import { toast } from "../lib/toast";

/**
 * A list whose order is its team's. With script each item gets a handle to drag it by (finger, pen or mouse), and the buttons
 * that move it by one place do so without loading the page anew. Each new place is said aloud; an order that could not be
 * saved is undone.
 */
export class SortController extends Controller<HTMLElement> {
  static override targets = ["item"];
  static override values = { url: String, columns: String };
  declare readonly itemTargets: HTMLElement[];
  declare urlValue: string;
  /** Id of a table on the page whose last columns are one per item: they follow. */
  declare columnsValue: string;
  readonly #said = el("p", "visually-hidden");
  #saved: HTMLElement[] = [];
  #columns: HTMLElement[] = [];
  #dragged: HTMLElement | null = null;
  #saving: Promise<void> = Promise.resolve();

  override connect(): void {
    this.#said.setAttribute("role", "status");
    this.element.after(this.#said);
    this.element.addEventListener("submit", this.#pressed);
    this.#saved = this.itemTargets;
    this.#columns = this.itemTargets;
    this.#settle();
  }

  override disconnect(): void {
    this.element.removeEventListener("submit", this.#pressed);
    this.#said.remove();
  }

  itemTargetConnected(item: HTMLElement): void {
    if (item.querySelector(":scope > .grip")) return;
    const grip = el("span", "grip");
    grip.setAttribute("aria-hidden", "true");
    grip.title = editing.drag;
    grip.append(icon("grip"));
    grip.addEventListener("pointerdown", this.#grabbed);
    item.prepend(grip);
  }

  /** One of the buttons that move by one place. */
  readonly #pressed = (event: SubmitEvent): void => {
    const button = event.submitter as HTMLButtonElement | null;
    if (button?.name !== "towards") return;
    event.preventDefault();
    event.stopPropagation();
    (event.target as HTMLElement).querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    const item = button.closest<HTMLElement>("[data-sort-target=item]");
    const items = this.itemTargets;
    const other = item && items[items.indexOf(item) + (button.value === "front" ? -1 : 1)];
    if (!item || !other) return;
    if (button.value === "front") item.after(other);
    else item.before(other);
    this.#settle();
    const free = button.disabled
      ? item.querySelector<HTMLElement>("button[name=towards]:not(:disabled)")
      : button;
    free?.focus();
    this.#save(item);
  };

  readonly #grabbed = (event: PointerEvent): void => {
    const grip = event.currentTarget as HTMLElement;
    const item = grip.closest<HTMLElement>("[data-sort-target=item]");
    if (!item || event.button !== 0 || this.#dragged) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    this.#dragged = item;
    const before = this.itemTargets;
    item.classList.add("dragged");
    const move = (at: PointerEvent): void => this.#over(item, at.clientY);
    const drop = (): void => this.#ended(grip, item, before, move, drop, undo, true);
    const undo = (): void => this.#ended(grip, item, before, move, drop, undo, false);
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", drop);
    grip.addEventListener("pointercancel", undo);
  };

  #over(item: HTMLElement, y: number): void {
    const middle = (other: HTMLElement): number => {
      const { top, height } = other.getBoundingClientRect();
      return top + height / 2;
    };
    const items = this.itemTargets;
    const place = items.indexOf(item);
    const upper = items[place - 1];
    const lower = items[place + 1];
    // The others move around it: what leaves the page for a moment loses the pointer.
    if (upper && y < middle(upper)) item.after(upper);
    else if (lower && y > middle(lower)) item.before(lower);
  }

  #ended(
    grip: HTMLElement,
    item: HTMLElement,
    before: HTMLElement[],
    move: (event: PointerEvent) => void,
    drop: () => void,
    undo: () => void,
    keep: boolean,
  ): void {
    grip.removeEventListener("pointermove", move);
    grip.removeEventListener("pointerup", drop);
    grip.removeEventListener("pointercancel", undo);
    item.classList.remove("dragged");
    this.#dragged = null;
    if (!keep) this.#put(before);
    this.#settle();
    if (keep && before.some((held, place) => held !== this.itemTargets[place])) this.#save(item);
  }

  #put(order: HTMLElement[]): void {
    for (const item of order) this.element.append(item);
  }

  #sortColumns(items: HTMLElement[]): void {
    const table = this.columnsValue ? document.getElementById(this.columnsValue) : null;
    if (!(table instanceof HTMLTableElement) || items.length !== this.#columns.length) return;
    for (const row of table.rows) {
      const cells = [...row.cells].slice(-items.length);
      row.append(
        ...items.map((item) => cells[this.#columns.indexOf(item)]).filter((cell) => cell !== undefined),
      );
    }
    this.#columns = items;
  }

  /** Saves one after the other: the last order wins. */
  #save(item: HTMLElement): void {
    const order = this.itemTargets;
    const words = { name: item.dataset.sortName ?? "", place: order.indexOf(item) + 1, count: order.length };
    this.#said.textContent = fill(editing.moved, words);
    this.#saving = this.#saving.then(async () => {
      const body = new URLSearchParams(order.map((one) => ["item", one.dataset.sortId ?? ""]));
      body.append("csrf", document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "");
      const answer = await fetch(this.urlValue, { method: "POST", body, credentials: "same-origin" }).catch(
        () => null,
      );
      if (answer?.status === 204) {
        this.#saved = order;
        return;
      }
      this.#put(this.#saved);
      this.#settle();
      this.#said.textContent = "";
      toast(answer?.status === 409 ? editing.other_list : editing.not_moved, "bad");
    });
  }

  #settle(): void {
    const items = this.itemTargets;
    this.#sortColumns(items);
    items.forEach((item, place) => {
      for (const [towards, end] of [
        ["front", 0],
        ["end", items.length - 1],
      ] as const) {
        const button = item.querySelector<HTMLButtonElement>(`button[name=towards][value=${towards}]`);
        if (button) button.disabled = place === end;
      }
    });
  }
}
