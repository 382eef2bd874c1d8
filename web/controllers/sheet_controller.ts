import { Controller } from "@hotwired/stimulus";

/** A button that opens the `<dialog>` beside it. */
export class SheetController extends Controller<HTMLElement> {
  static override targets = ["dialog"];
  declare readonly dialogTarget: HTMLDialogElement;

  open(): void {
    this.dialogTarget.showModal();
  }
}
