import { studio as words } from "../../config/locales/en.json";
import { count } from "../models/format";
import type { DeliveryNow } from "../models/live_state";
import { fill, setText } from "./dom";

/** Minor units as money; the operator's currency has no name here. */
const money = (minor: number): string => (minor / 100).toFixed(2);

/** Writes how the audience is served into the studio's page; holds no state of its own. */
export class DeliveryView {
  constructor(private readonly root: HTMLElement) {}

  show(now: DeliveryNow): void {
    this.root.dataset.delivery = now.mode;
    setText(this.part("planned"), now.open && this.root.dataset.phase === "live" ? "" : now.reason_words);
    setText(this.part("mode"), now.mode_words);
    setText(this.part("reason"), now.reason_words);
    setText(
      this.part("locked"),
      now.available ? (now.open ? "" : words.delivery.not_open) : words.delivery.no_hls,
    );
    for (const radio of this.root.querySelectorAll<HTMLInputElement>('input[name="delivery"]')) {
      radio.disabled = !now.open || (!now.available && radio.value === "hls");
      radio.checked = radio.value === now.choice;
    }
    const { estimate } = now;
    const figures: Record<string, string | null> = {
      webrtc: count(now.audience.webrtc),
      hls: now.available ? count(now.audience.hls) : null,
      slate: now.audience.slate > 0 ? count(now.audience.slate) : null,
      waiting: now.audience.waiting > 0 ? count(now.audience.waiting) : null,
      expected: now.expected > now.audience.webrtc + now.audience.hls ? count(now.expected) : null,
      bridge: now.available ? now.bridge_words : null,
      moved: now.moved_percent === null ? null : `${now.moved_percent} %`,
      spent: estimate
        ? estimate.max_minor === null
          ? money(estimate.spent_minor)
          : fill(words.delivery.of_max, {
              spent: money(estimate.spent_minor),
              max: money(estimate.max_minor),
            })
        : null,
      per_hour: estimate ? money(estimate.per_hour_minor) : null,
    };
    for (const [name, text] of Object.entries(figures)) {
      const value = this.root.querySelector<HTMLElement>(`[data-delivery-figure="${name}"]`);
      if (value?.parentElement) value.parentElement.hidden = text === null;
      setText(value, text ?? "");
    }
  }

  private part(name: string): HTMLElement | null {
    return this.root.querySelector<HTMLElement>(`[data-delivery-part="${name}"]`);
  }
}
