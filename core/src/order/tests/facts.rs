//! What the provider tells twice, late or in another order ends in the same state.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn any_price() -> impl Strategy<Value = Price> {
    let fee = |price: Price, fee: Option<i64>| Price { initial_fee: fee.map(usd), ..price };
    let any = prop_oneof![
        (12i64..2_000).prop_map(once),
        (12i64..2_000, 2u8..5).prop_map(|(minor, parts)| in_parts(minor, parts)),
        (12i64..2_000).prop_map(monthly),
        (12i64..2_000, 1u16..40).prop_map(|(minor, days)| trial(minor, days)),
    ];
    (any, prop::option::of(1i64..500)).prop_map(move |(price, minor)| fee(price, minor))
}

#[derive(Debug, Clone)]
enum Fact {
    /// Hundredths of the charge, in all.
    Refunded(u8, i64),
    /// The number of the dispute, and how it goes on.
    Disputed(u8, u8, Option<bool>),
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let part = prop_oneof![0i64..=100, Just(100)];
    prop_oneof![
        (any::<u8>(), part).prop_map(|(n, part)| Fact::Refunded(n, part)),
        (any::<u8>(), 0u8..3, any::<Option<bool>>()).prop_map(|(n, id, won)| Fact::Disputed(n, id, won)),
    ]
}

/// All that must not depend on the order in which it is heard.
#[derive(Debug, PartialEq)]
struct Outcome {
    phase: Phase,
    until: Option<Option<Timestamp>>,
    invoices: Vec<Invoice>,
    stock: Stock,
    piece: Piece,
    kept: i64,
    method: Option<String>,
    charges: Vec<(Timestamp, Task)>,
    balances: BTreeMap<Account, i64>,
}

fn outcome(sale: &Sale) -> Outcome {
    let mut balances = BTreeMap::new();
    for line in sale.entries.iter().flat_map(|entry| &entry.lines) {
        *balances.entry(line.account).or_default() += line.amount.minor;
    }
    balances.retain(|_, minor| *minor != 0);
    let charges = sale.order.jobs.iter().filter(|job| matches!(job.task, Task::Charge { .. }));
    Outcome {
        phase: sale.phase(),
        until: sale.until(),
        // Whether it is owed says when it was heard.
        invoices: sale.order.invoices.iter().map(|invoice| Invoice { owed: false, ..invoice.clone() }).collect(),
        stock: sale.stock,
        piece: sale.order.piece,
        kept: sale.order.kept_minor(),
        method: sale.order.method.clone(),
        charges: charges.map(|job| (job.at, job.task.clone())).collect(),
        balances,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn the_order_in_which_facts_are_heard_does_not_matter(
        price in any_price(),
        renewals in 0u32..4,
        wanted in prop::collection::vec(any_fact(), 0..6),
        told in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        // Charges but the last were paid one after another, as each is only planned once the one before is known.
        let mut base = Sale::of(price, 1);
        let mut last = 0;
        let first = match base.order.invoices[0].amount.minor {
            0 => Event::SetUp { method: "card".into(), held: false },
            _ => base.paid(0),
        };
        let mut facts = vec![first];
        for _ in 0..renewals {
            if price.later(last + 1, Timestamp(0)).is_none() { break; }
            base.hear(facts.pop().unwrap());
            last += 1;
            base.now = base.order.invoices[last as usize].due_at;
            facts.push(base.paid(last));
        }
        // What happened, in its order; a dispute is decided one way.
        let mut decided: BTreeMap<(u32, u8), Option<bool>> = BTreeMap::new();
        for fact in wanted {
            let (Fact::Refunded(n, _) | Fact::Disputed(n, ..)) = fact;
            let invoice = u32::from(n) % (last + 1);
            let known = base.order.invoices[invoice as usize].amount.minor;
            if known == 0 { continue; }
            facts.push(match fact {
                Fact::Refunded(_, part) => Event::Refunded { invoice, total: known * part / 100 },
                Fact::Disputed(_, id, won) => {
                    let held = decided.entry((invoice, id)).or_default();
                    *held = held.or(won);
                    Event::Disputed { invoice, dispute: format!("dp{invoice}-{id}"), amount: known / 2, won: *held }
                }
            });
        }
        let run = |events: &[Event]| {
            let mut sale = Sale { order: base.order.clone(), stock: base.stock, entries: base.entries.clone(), now: base.now };
            for event in events {
                sale.hear(event.clone());
            }
            sale
        };
        let in_order = run(&facts);
        // Heard in any order and more than once, and the rest at the end in its own.
        let mut heard: Vec<Event> = told.iter().map(|index| index.get(&facts).clone()).collect();
        heard.extend(facts.iter().rev().cloned());
        let shuffled = run(&heard);
        prop_assert_eq!(outcome(&shuffled), outcome(&in_order));

        let keys: std::collections::BTreeSet<&str> = shuffled.entries.iter().map(|entry| entry.key.as_str()).collect();
        prop_assert_eq!(keys.len(), shuffled.entries.len());
        let order = &shuffled.order;
        if order.invoices.iter().any(Invoice::disputed) || order.all_given_back() {
            prop_assert_eq!(order.access(), None);
        }
    }
}
