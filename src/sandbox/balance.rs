//! What the account holds: charges, less what went back and what banks took back. There are no fees and no payouts, and
//! money is available at once.

use super::calls::Call;
use super::model::DisputeStatus;
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;
use std::collections::BTreeMap;

/// `GET /v1/balance`
pub fn retrieve(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&[])?;
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    let mut add = |currency, amount: i64| {
        let sum: &mut i64 = held.entry(currency).or_default();
        *sum = sum.saturating_add(amount);
    };
    for charge in call.books.charges.values().filter(|charge| charge.decline.is_none()) {
        add(&charge.currency, charge.amount);
    }
    for refund in call.books.refunds.values() {
        add(&refund.currency, -refund.amount);
    }
    for dispute in call.books.disputes.values().filter(|dispute| dispute.status != DisputeStatus::Won) {
        add(&dispute.currency, -dispute.amount);
    }
    Ok(wire::balance(held))
}
