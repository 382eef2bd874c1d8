//! What an order opens (INV-03).

use super::{GRACE_MS, Order};
use crate::time::Timestamp;

/// How long an order opens its pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` has no end.
    pub until: Option<Timestamp>,
}

impl Order {
    /// What it opens; `None`: nothing (not paid, void, given back, disputed).
    pub fn access(&self) -> Option<Access> {
        let first = self.invoices.first()?;
        let closed = self.void.is_some() || self.all_given_back() || self.invoices.iter().any(super::Invoice::disputed);
        if !self.begun() || closed {
            return None;
        }
        // A period that went back is as one never paid, and so are those after it.
        let counted = self.invoices.iter().skip(1).take_while(|invoice| invoice.counts()).count();
        let counted = u32::try_from(counted).unwrap_or(u32::MAX);
        let paid = if first.counts() || first.amount.minor == 0 { counted.saturating_add(1) } else { 0 };
        let mut until = match paid {
            0 => Some(self.opened_at),
            paid => self.price.lasts_until(paid, self.opened_at),
        };
        // While the next charge is still tried, access goes on for a while.
        let tried = self.invoices.get(paid as usize).is_some_and(|next| !next.paid);
        if tried && !self.cancelled && self.ended_at.is_none() && paid > 0 {
            until = until.map(|at| at + GRACE_MS);
        }
        if let Some(ended) = self.ended_at {
            until = Some(until.map_or(ended, |at| at.min(ended)));
        }
        Some(Access { from: self.opened_at, until })
    }
}
