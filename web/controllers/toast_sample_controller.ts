import { Controller } from "@hotwired/stimulus";
import { viewer } from "../../config/locales/en.json";
import { toast } from "../lib/toast";

/** Components page only: shows what a toast looks like. */
export class ToastSampleController extends Controller {
  show(): void {
    toast(viewer.copied);
  }
}
