import { Controller } from "@hotwired/stimulus";

/** The bar at the foot of a sales page on a phone: away while the passes that it leads to are in sight. */
export class JoinBarController extends Controller<HTMLElement> {
  static override targets = ["pass", "bar"];
  declare readonly hasPassTarget: boolean;
  declare readonly passTarget: HTMLElement;
  declare readonly hasBarTarget: boolean;
  declare readonly barTarget: HTMLElement;

  private seen?: IntersectionObserver;

  override connect(): void {
    if (!this.hasPassTarget || !this.hasBarTarget) return;
    this.seen = new IntersectionObserver((entries) => {
      this.barTarget.classList.toggle("join-bar--shown", entries.at(-1)?.isIntersecting === false);
    });
    this.seen.observe(this.passTarget);
  }

  override disconnect(): void {
    this.seen?.disconnect();
  }
}
