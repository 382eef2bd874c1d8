import { Controller } from "@hotwired/stimulus";
import { editing } from "../../config/locales/en.json";
import { elementOf, fragment } from "../lib/fragment";
import { toast } from "../lib/toast";

/** Words for what the server could not say in a form. */
function troubleOf(status: number): string {
  if (status === 0) return editing.unreachable;
  if (status === 401 || status === 403) return editing.signed_out;
  if (status === 413) return editing.too_large;
  return status === 429 ? editing.slow_down : editing.failed;
}

/**
 * A part of a sales page that its team edits in place. The pencil fetches the form, Escape puts the part back, Ctrl or ⌘ with
 * Enter saves. What the server answers replaces the form (messages at the fields, or the newest of somebody who was faster
 * beside what was typed) or, once saved, the whole part. The chosen file survives every answer.
 */
export class PartController extends Controller<HTMLElement> {
  static override targets = ["form", "pencil", "trouble", "notice"];
  static override values = { name: String, url: String, version: String };
  declare readonly hasFormTarget: boolean;
  declare readonly formTarget: HTMLFormElement;
  declare readonly hasPencilTarget: boolean;
  declare readonly pencilTarget: HTMLElement;
  declare readonly hasTroubleTarget: boolean;
  declare readonly troubleTarget: HTMLElement;
  declare readonly hasNoticeTarget: boolean;
  declare readonly noticeTarget: HTMLElement;
  declare nameValue: string;
  declare urlValue: string;
  declare versionValue: string;
  #busy = false;
  #typed = "";

  async open(event: Event): Promise<void> {
    event.preventDefault();
    if (this.#busy || this.hasFormTarget) return;
    this.#busy = true;
    this.pencilTarget.setAttribute("aria-busy", "true");
    const { status, html } = await fragment(this.urlValue);
    this.#busy = false;
    this.pencilTarget.removeAttribute("aria-busy");
    const form = status === 200 ? elementOf(html) : null;
    if (!form) {
      toast(troubleOf(status), "bad");
      return;
    }
    this.element.classList.add("part--editing");
    this.element.append(form);
    this.#typed = this.#words();
    const first = form.querySelector<HTMLElement>(
      "input:not([type=hidden], [type=file]), textarea, select, input[type=file]",
    );
    first?.focus();
    if (first instanceof HTMLInputElement && first.type === "text") first.setSelectionRange(-1, -1);
  }

  key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      this.cancel();
    } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      this.formTarget.requestSubmit();
    }
  }

  cancel(): void {
    if (!this.hasFormTarget || this.#busy) return;
    this.formTarget.remove();
    this.element.classList.remove("part--editing");
    if (this.hasPencilTarget) this.pencilTarget.focus();
    // Somebody may have changed it while the form was open.
    this.dispatch("closed");
  }

  async save(event: Event): Promise<void> {
    event.preventDefault();
    if (this.#busy) return;
    this.#busy = true;
    const form = this.formTarget;
    const button = form.querySelector("button[type=submit]");
    button?.setAttribute("aria-busy", "true");
    const { status, html } = await fragment(this.urlValue, new FormData(form));
    this.#busy = false;
    button?.removeAttribute("aria-busy");
    const answer = status === 200 || status === 409 || status === 422 ? elementOf(html) : null;
    if (answer && status === 200) this.#shown(answer);
    else if (answer instanceof HTMLFormElement) this.#again(form, answer);
    else {
      this.troubleTarget.textContent = troubleOf(status);
      this.troubleTarget.hidden = false;
    }
  }

  /** The newest of the part, unless somebody types here; `true` if it is shown. */
  async freshen(): Promise<boolean> {
    if (this.hasFormTarget || this.#busy) return false;
    const { status, html } = await fragment(`${this.urlValue}?as=view`);
    const part = status === 200 ? elementOf(html) : null;
    if (!part || this.hasFormTarget || this.#busy) return false;
    const focused = this.element.contains(document.activeElement);
    this.element.replaceWith(part);
    if (focused) part.querySelector<HTMLElement>("a.pencil")?.focus();
    return true;
  }

  /** Something was typed that is not saved. */
  get unsaved(): boolean {
    return this.hasFormTarget && this.#words() !== this.#typed;
  }

  #words(): string {
    const all = [...new FormData(this.formTarget).entries()];
    return JSON.stringify(all.map(([name, value]) => [name, typeof value === "string" ? value : value.name]));
  }

  #shown(part: HTMLElement): void {
    this.element.replaceWith(part);
    part.querySelector<HTMLElement>("a.pencil")?.focus();
    toast(editing.saved);
  }

  #again(old: HTMLFormElement, form: HTMLFormElement): void {
    for (const held of old.querySelectorAll<HTMLInputElement>("input[type=file]")) {
      const empty = form.querySelector<HTMLInputElement>(`input[type=file][name="${held.name}"]`);
      if (!empty || !held.files?.length) continue;
      for (const name of ["aria-invalid", "aria-describedby"]) {
        const value = empty.getAttribute(name);
        if (value === null) held.removeAttribute(name);
        else held.setAttribute(name, value);
      }
      empty.replaceWith(held);
    }
    old.replaceWith(form);
    const wrong = form.querySelector<HTMLElement>("[aria-invalid=true]");
    (this.hasNoticeTarget
      ? this.noticeTarget
      : (wrong ?? form.querySelector<HTMLElement>("button"))
    )?.focus();
  }
}
