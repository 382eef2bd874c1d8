//! How many of a price are left (INV-02). The order that holds a piece says so itself, so two numbers are enough here.

use serde::{Deserialize, Serialize};

/// Pieces of one price: sold + held is never more than `total`, when there is one and the team has not lowered it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stock {
    /// How many there are; `None` is without limit.
    pub total: Option<u32>,
    /// Paid for.
    pub sold: u32,
    /// Kept for somebody who is about to pay.
    pub held: u32,
}

/// No piece is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sold out")]
pub struct SoldOut;

impl Stock {
    /// Pieces free now; `None` is without limit.
    pub fn left(&self) -> Option<u32> {
        self.total.map(|total| total.saturating_sub(self.sold).saturating_sub(self.held))
    }

    /// Keeps a piece for an order.
    pub fn reserve(&mut self) -> Result<(), SoldOut> {
        self.room()?;
        self.held = self.held.saturating_add(1);
        Ok(())
    }

    /// Sells the piece that an order holds.
    pub fn settle(&mut self) {
        self.held = self.held.saturating_sub(1);
        self.sold = self.sold.saturating_add(1);
    }

    /// Sells to an order that gave its piece back: while there is room.
    pub fn sell_late(&mut self) -> Result<(), SoldOut> {
        self.room()?;
        self.sold = self.sold.saturating_add(1);
        Ok(())
    }

    /// Gives back a piece that was held.
    pub fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Gives back a piece that was sold.
    pub fn take_back(&mut self) {
        self.sold = self.sold.saturating_sub(1);
    }

    fn room(&self) -> Result<(), SoldOut> {
        if self.left() == Some(0) { Err(SoldOut) } else { Ok(()) }
    }
}
