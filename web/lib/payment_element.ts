/** What takes a card: Stripe's Payment Element, or the fields of the sandbox. Card numbers never come to our server. */
export interface PaymentElement {
  /** Whether enough is filled in; the reason otherwise. */
  check(): Promise<string | null>;
  /** Pays, or saves the card. "done", a way to go first, or why it did not work. */
  confirm(secret: string, savesOnly: boolean, returnUrl: string): Promise<Outcome>;
}

/** What became of a confirmation. */
export type Outcome = { done: true } | { go: string } | { error: string };

/** Fields of a test card. */
export interface CardFields {
  number: HTMLInputElement;
  expiry: HTMLInputElement;
  cvc: HTMLInputElement;
}

const TIMEOUT_MS = 20_000;

interface Intent {
  status?: string;
  next_action?: { redirect_to_url?: { url?: string } } | null;
  error?: { message?: string; code?: string; decline_code?: string };
}

/** Speaks to the sandbox as Stripe's script speaks to Stripe. */
export class SandboxElement implements PaymentElement {
  constructor(
    private readonly key: string,
    private readonly fields: CardFields,
    private readonly texts: { incomplete: string; unreachable: string; declined: string },
  ) {}

  async check(): Promise<string | null> {
    const { number, expiry, cvc } = this.fields;
    const filled =
      number.value.trim() && /^\s*\d{1,2}\s*\/\s*\d{2,4}\s*$/.test(expiry.value) && cvc.value.trim();
    return filled ? null : this.texts.incomplete;
  }

  async confirm(secret: string, savesOnly: boolean, returnUrl: string): Promise<Outcome> {
    const [month, year] = this.fields.expiry.value.split("/").map((part) => part.trim());
    const method = await this.call("payment_methods", {
      type: "card",
      "card[number]": this.fields.number.value.replace(/\s/g, ""),
      "card[exp_month]": month ?? "",
      "card[exp_year]": year ?? "",
      "card[cvc]": this.fields.cvc.value.trim(),
    });
    if (method.error || !("id" in method)) return { error: this.why(method.error) };
    const id = secret.split("_secret_")[0];
    const intent = await this.call(`${savesOnly ? "setup_intents" : "payment_intents"}/${id}/confirm`, {
      client_secret: secret,
      payment_method: String(method.id),
      return_url: returnUrl,
    });
    if (intent.error) return { error: this.why(intent.error) };
    const url = intent.next_action?.redirect_to_url?.url;
    if (intent.status === "requires_action" && url) return { go: url };
    return { done: true };
  }

  /** A plain decline in the language of the page; what else the sandbox says, it says in English, as of a number that is none. */
  private why(error: Intent["error"]): string {
    if (error?.code === "card_declined" && error.decline_code !== "test_mode_live_card")
      return this.texts.declined;
    return error?.message ?? this.texts.unreachable;
  }

  private async call(path: string, fields: Record<string, string>): Promise<Intent & { id?: string }> {
    try {
      const response = await fetch(`/sandbox/v1/${path}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(fields),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return (await response.json()) as Intent & { id?: string };
    } catch {
      return { error: { message: this.texts.unreachable } };
    }
  }
}

interface StripeResult {
  error?: { message?: string };
}
interface StripeElements {
  create(kind: "payment"): { mount(at: HTMLElement): void };
  submit(): Promise<StripeResult>;
}
interface StripeScript {
  elements(options: Record<string, unknown>): StripeElements;
  confirmPayment(options: Record<string, unknown>): Promise<StripeResult>;
  confirmSetup(options: Record<string, unknown>): Promise<StripeResult>;
}
declare global {
  interface Window {
    Stripe?: (key: string, options: { locale: string }) => StripeScript;
  }
}

/** Stripe's own script and element: https://docs.stripe.com/payments/accept-a-payment-deferred */
export class StripeElement implements PaymentElement {
  private constructor(
    private readonly stripe: StripeScript,
    private readonly elements: StripeElements,
    private readonly unreachable: string,
  ) {}

  static async mount(
    at: HTMLElement,
    given: { key: string; amount: number; currency: string; methods: string[]; unreachable: string },
  ): Promise<StripeElement> {
    await script("https://js.stripe.com/v3/");
    if (!window.Stripe) throw new Error(given.unreachable);
    const stripe = window.Stripe(given.key, { locale: document.documentElement.lang });
    const saves = given.amount === 0;
    const elements = stripe.elements({
      mode: saves ? "setup" : "payment",
      ...(saves ? {} : { amount: given.amount, setupFutureUsage: "off_session" }),
      currency: given.currency,
      ...(given.methods.length > 0 ? { paymentMethodTypes: given.methods } : {}),
    });
    elements.create("payment").mount(at);
    return new StripeElement(stripe, elements, given.unreachable);
  }

  async check(): Promise<string | null> {
    const { error } = await this.elements.submit();
    return error ? (error.message ?? this.unreachable) : null;
  }

  async confirm(clientSecret: string, savesOnly: boolean, returnUrl: string): Promise<Outcome> {
    const options = {
      elements: this.elements,
      clientSecret,
      confirmParams: { return_url: returnUrl },
      redirect: "if_required",
    };
    const { error } = await (savesOnly
      ? this.stripe.confirmSetup(options)
      : this.stripe.confirmPayment(options));
    return error ? { error: error.message ?? this.unreachable } : { done: true };
  }
}

function script(src: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = src;
    tag.addEventListener("load", () => resolve());
    tag.addEventListener("error", () => reject(new Error(src)));
    document.head.append(tag);
  });
}
