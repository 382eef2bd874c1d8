//! The ledger: double entry, so that no money appears or vanishes (INV-04).

use crate::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where money rests. What we have is positive, what we owe or earned is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What the payment provider holds for us, before its own fees.
    ProviderBalance,
    /// What the creator earned.
    CreatorRevenue,
    /// What the platform earned.
    PlatformFee,
    /// Taken back by buyers' banks, for now or for good.
    Disputes,
}

impl Account {
    /// Every account.
    pub const ALL: [Account; 4] =
        [Account::ProviderBalance, Account::CreatorRevenue, Account::PlatformFee, Account::Disputes];

    /// The name used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Account::ProviderBalance => "provider_balance",
            Account::CreatorRevenue => "creator_revenue",
            Account::PlatformFee => "platform_fee",
            Account::Disputes => "disputes",
        }
    }
}

/// One line: an amount moved into (positive) or out of (negative) an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The account.
    pub account: Account,
    /// The amount, either sign.
    pub amount: Money,
}

/// Lines that are posted together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique name of what happened; the store refuses it a second time.
    pub key: String,
    /// Sum to zero per currency.
    pub lines: Vec<Line>,
}

impl Entry {
    /// An entry in one currency. Lines of nothing are left out.
    pub fn of(key: String, currency: Currency, moves: &[(Account, i64)]) -> Entry {
        let moves = moves.iter().filter(|(_, minor)| *minor != 0);
        let lines = moves.map(|(account, minor)| Line { account: *account, amount: Money { minor: *minor, currency } });
        Entry { key, lines: lines.collect() }
    }

    /// INV-04: whether its lines sum to zero per currency.
    pub fn balances(&self) -> bool {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(line.amount.currency).or_default() += i128::from(line.amount.minor);
        }
        sums.values().all(|sum| *sum == 0)
    }
}
