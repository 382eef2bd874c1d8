// bin/bench checkout-rush: strangers who all buy a pass of which there are fewer than they are, through the sandbox: page,
// checkout, card, confirmation, look. Purchases per second, and how many were sold too many (0). The baseline of the same run is
// what the sandbox alone takes for the card and its confirmation. Prints one JSON line.
import { startServer } from "../tests/e2e/server.mjs";
import { median } from "./load.mjs";
import { Visitor } from "./visitor.mjs";

const BUYERS = Number(process.env.BENCH_BUYERS ?? 400);
const PLACES = Number(process.env.BENCH_PLACES ?? 300);
const AT_ONCE = 32;

const between = (text, before, after) => text.split(before)[1]?.split(after)[0] ?? "";

/** Runs `work(n)` for each n below `count`, `AT_ONCE` at a time; seconds that it took. */
async function together(count, work) {
  const began = performance.now();
  let next = 0;
  const one = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await work(n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return (performance.now() - began) / 1_000;
}

async function pay(url, key, secret) {
  const call = async (path, fields) => {
    const response = await fetch(`${url}/sandbox/v1/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
    return body;
  };
  const card = { type: "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2040", "card[cvc]": "123" };
  const { id } = await call("payment_methods", card);
  const intent = secret.split("_secret_")[0];
  return call(`payment_intents/${intent}/confirm`, { client_secret: secret, payment_method: id, return_url: url });
}

const server = await startServer();
try {
  const { url } = server;
  const creator = await Visitor.signedIn(url);
  await creator.form("/studio/demo/passes/new", { name: "Rush", slug: "rush", status: "published", opens: "all" });
  const price = { kind: "once", amount: "29", currency: "USD", every_unit: "month", stock: String(PLACES) };
  await creator.form("/studio/demo/passes/rush/prices/new", price);
  const latencies = [];
  const secrets = [];
  let sold = 0;
  let refused = 0;
  let key = "";
  const seconds = await together(BUYERS, async (n) => {
    const began = performance.now();
    const page = await fetch(`${url}/demo/rush/checkout`);
    const html = await page.text();
    const cookie = page.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
    const headers = { cookie, "content-type": "application/json", "x-csrf-token": between(html, 'name="csrf-token" content="', '"') };
    key = between(html, 'data-checkout-key-value="', '"');
    const body = JSON.stringify({ price: between(html, 'data-checkout-price-value="', '"'), email: `buyer${n}@example.com` });
    const answer = await fetch(`${url}/api/v1/checkouts`, { method: "POST", headers, body });
    const begun = await answer.json();
    if (answer.status === 409 && begun.code === "sold_out") {
      refused += 1;
      return;
    }
    if (!answer.ok) throw new Error(JSON.stringify(begun));
    secrets.push(begun.client_secret);
    await pay(url, key, begun.client_secret);
    const looked = await (await fetch(`${url}/api/v1/orders/${begun.order}/look`, { method: "POST", headers, body: "{}" })).json();
    if (!looked.paid) throw new Error(JSON.stringify(looked));
    sold += 1;
    latencies.push(performance.now() - began);
  });
  // The sandbox alone: a card for each of as many purchases.
  const card = new URLSearchParams({ type: "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2040" });
  const headers = { authorization: `Bearer ${key}` };
  const alone = await together(sold, () => fetch(`${url}/sandbox/v1/payment_methods`, { method: "POST", headers, body: card }));
  console.log(
    JSON.stringify({
      bench: "checkout-rush",
      buyers: BUYERS,
      places: PLACES,
      purchases_per_s: Number((sold / seconds).toFixed(1)),
      purchase_ms_p50: Math.round(median(latencies)),
      sold,
      refused,
      oversold: Math.max(0, sold - PLACES),
      baseline_cards_at_the_sandbox_per_s: Number((sold / alone).toFixed(1)),
    }),
  );
  if (sold !== PLACES) throw new Error(`${sold} were sold of ${PLACES}`);
} finally {
  await server.stop();
}
