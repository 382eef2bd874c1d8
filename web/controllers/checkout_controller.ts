import { Controller } from "@hotwired/stimulus";
import { checkout } from "../../config/locales/en.json";
import { api, Refused } from "../lib/api";
import { type PaymentElement, SandboxElement, StripeElement } from "../lib/payment_element";

type Next =
  | { next: "confirm"; order: string; client_secret: string; saves_only: boolean; return_url: string }
  | { next: "go"; order: string; url: string };

/** The form that pays. A second click while it pays does nothing; a second try pays the same order. */
export class CheckoutController extends Controller<HTMLElement> {
  static override targets = [
    "form",
    "email",
    "mailField",
    "phone",
    "phoneField",
    "answer",
    "saved",
    "card",
    "number",
    "expiry",
    "cvc",
    "element",
    "error",
    "button",
  ];
  static override values = {
    price: String,
    order: String,
    key: String,
    sandbox: Boolean,
    amount: Number,
    currency: String,
    methods: String,
  };
  declare readonly hasEmailTarget: boolean;
  declare readonly emailTarget: HTMLInputElement;
  declare readonly mailFieldTarget: HTMLElement;
  declare readonly phoneTarget: HTMLInputElement;
  declare readonly hasPhoneFieldTarget: boolean;
  declare readonly phoneFieldTarget: HTMLElement;
  declare readonly answerTargets: HTMLInputElement[];
  declare readonly hasSavedTarget: boolean;
  declare readonly savedTarget: HTMLInputElement;
  declare readonly hasElementTarget: boolean;
  declare readonly elementTarget: HTMLElement;
  declare readonly cardTarget: HTMLElement;
  declare readonly numberTarget: HTMLInputElement;
  declare readonly expiryTarget: HTMLInputElement;
  declare readonly cvcTarget: HTMLInputElement;
  declare readonly errorTarget: HTMLElement;
  declare readonly buttonTarget: HTMLButtonElement;
  declare readonly hasButtonTarget: boolean;
  declare readonly priceValue: string;
  /** Another card is saved for this order; nothing is bought. */
  declare readonly orderValue: string;
  declare readonly keyValue: string;
  declare readonly sandboxValue: boolean;
  declare readonly amountValue: number;
  declare readonly currencyValue: string;
  declare readonly methodsValue: string;

  private payment?: PaymentElement;
  private paying = false;

  override async connect(): Promise<void> {
    if (!this.hasButtonTarget) return;
    const unreachable = checkout.unreachable;
    if (this.sandboxValue) {
      const fields = { number: this.numberTarget, expiry: this.expiryTarget, cvc: this.cvcTarget };
      this.payment = new SandboxElement(this.keyValue, fields, {
        incomplete: checkout.card_incomplete,
        declined: checkout.declined,
        unreachable,
      });
    } else if (this.hasElementTarget) {
      try {
        const methods = this.methodsValue.split(" ").filter(Boolean);
        const { keyValue: key, amountValue: amount, currencyValue: currency } = this;
        this.payment = await StripeElement.mount(this.elementTarget, {
          key,
          amount,
          currency,
          methods,
          unreachable,
        });
      } catch {
        this.say(unreachable);
      }
    }
  }

  /** Shows the fields of a card only when one is to be typed in. */
  choose(): void {
    this.cardTarget.hidden = this.withSaved;
  }

  /** Asks for a number instead of an address, in place. */
  byPhone(event: Event): void {
    this.ask(event, this.phoneFieldTarget, this.mailFieldTarget, this.phoneTarget);
  }

  byEmail(event: Event): void {
    this.ask(event, this.mailFieldTarget, this.phoneFieldTarget, this.emailTarget);
  }

  private ask(event: Event, shown: HTMLElement, hidden: HTMLElement, input: HTMLInputElement): void {
    event.preventDefault();
    shown.hidden = false;
    hidden.hidden = true;
    this.errorTarget.hidden = true;
    input.focus();
  }

  private get withPhone(): boolean {
    return this.hasPhoneFieldTarget && !this.phoneFieldTarget.hidden;
  }

  private get withSaved(): boolean {
    return this.hasSavedTarget && this.savedTarget.checked;
  }

  async pay(event: Event): Promise<void> {
    event.preventDefault();
    if (this.paying) return;
    this.busy(true);
    const why = await this.attempt();
    // Without a reason the browser is on its way; the button stays as it is, so that nobody pays twice.
    if (why !== null) {
      this.say(why);
      this.busy(false);
    }
  }

  private async attempt(): Promise<string | null> {
    const unreachable = checkout.unreachable;
    if (this.withPhone && !this.phoneTarget.checkValidity()) {
      this.phoneTarget.focus();
      return checkout.phone_missing;
    }
    if (this.hasEmailTarget && !this.withPhone && !this.emailTarget.checkValidity()) {
      this.emailTarget.focus();
      return checkout.email_missing;
    }
    const unanswered = this.answerTargets.find((answer) => !answer.checkValidity());
    if (unanswered) {
      unanswered.focus();
      return checkout.answer_first;
    }
    if (!this.withSaved) {
      const wrong = this.payment ? await this.payment.check() : unreachable;
      if (wrong) return wrong;
    }
    try {
      const next = await this.begin();
      if (next.next === "go") {
        location.assign(next.url);
        return null;
      }
      const outcome = await this.payment?.confirm(next.client_secret, next.saves_only, next.return_url);
      if (!outcome) return unreachable;
      if ("error" in outcome) return outcome.error;
      if ("go" in outcome) {
        location.assign(outcome.go);
        return null;
      }
      const { paid, url } = await this.look(next);
      if (!paid && this.orderValue) return checkout.unreachable;
      location.assign(url);
      return null;
    } catch (error) {
      return error instanceof Refused && error.detail ? error.detail : unreachable;
    }
  }

  private begin(): Promise<Next> {
    if (this.orderValue) return api("POST", `/api/v1/orders/${this.orderValue}/card`);
    return api("POST", "/api/v1/checkouts", {
      price: this.priceValue,
      email: this.hasEmailTarget && !this.withPhone ? this.emailTarget.value : "",
      phone: this.withPhone ? this.phoneTarget.value : "",
      answers: this.answerTargets.map((answer) => answer.value),
      saved: this.withSaved,
    });
  }

  private look(next: { order: string; client_secret: string }): Promise<{ paid: boolean; url: string }> {
    const orders = `/api/v1/orders/${next.order}`;
    if (!this.orderValue) return api("POST", `${orders}/look`);
    return api("POST", `${orders}/card/look`, { setup: next.client_secret.split("_secret_")[0] });
  }

  private busy(paying: boolean): void {
    this.paying = paying;
    this.buttonTarget.setAttribute("aria-busy", String(paying));
    this.buttonTarget.disabled = paying;
    if (paying) this.errorTarget.hidden = true;
  }

  private say(text: string): void {
    const words = this.errorTarget.querySelector("span") ?? this.errorTarget;
    words.textContent = text;
    this.errorTarget.hidden = false;
    this.errorTarget.scrollIntoView({ block: "nearest" });
  }
}
