//! What an order makes of what it hears.

use super::*;
use crate::ledger::{Account, Entry};

impl Order {
    /// Takes one event. What moved money comes back as entries of the ledger; what was heard before gives none. After a
    /// rejection the order and the stock are as they were.
    pub fn apply(&mut self, now: Timestamp, event: Event, stock: &mut Stock) -> Result<Vec<Entry>, OrderRejection> {
        let known = self.invoices.len();
        let heard = self.hear(now, event, stock);
        if heard.is_err() {
            self.invoices.truncate(known);
        }
        heard
    }

    fn hear(&mut self, now: Timestamp, event: Event, stock: &mut Stock) -> Result<Vec<Entry>, OrderRejection> {
        match event {
            Event::Paid { invoice, amount, method, held } => self.paid(now, invoice, amount, method, held, stock),
            Event::SetUp { method, held } => self.saved(now, method, held, stock),
            Event::Refunded { invoice, total } => self.refunded(now, invoice, total, stock),
            Event::Disputed { invoice, dispute, amount, won } => self.disputed(now, invoice, dispute, amount, won),
            Event::Declined { job } => self.declined(now, job),
            Event::Closed => self.close(stock),
            Event::Done { job } => self.done(now, job),
            Event::Later { job, at } => {
                if let Some(held) = self.jobs.iter_mut().find(|held| held.id == job) {
                    held.at = at;
                    held.tries = held.tries.saturating_add(1);
                }
                Ok(vec![])
            }
            Event::Cancel => self.cancel(now),
            Event::Resume => self.resume(now),
            Event::Stay => self.stay(now),
            Event::UseMethod { method } => self.use_method(now, method),
            Event::GiveBack { invoice, amount } => self.give_back(now, invoice, amount),
            Event::End => self.end(now),
        }
    }

    fn paid(
        &mut self,
        now: Timestamp,
        n: u32,
        amount: Money,
        method: Option<String>,
        held: bool,
        stock: &mut Stock,
    ) -> Result<Vec<Entry>, OrderRejection> {
        let (id, fee_bp, whole) = (self.id.clone(), self.platform_fee_bp, self.whole(n));
        let invoice = self.charged(n)?;
        if invoice.paid && Some(amount) == whole {
            return Ok(vec![]);
        }
        let too_much = if Some(amount) == whole { amount.minor - invoice.amount.minor } else { 0 };
        if (invoice.amount != amount && too_much == 0) || amount.minor <= 0 {
            return Err(OrderRejection::BadAmount);
        }
        if invoice.paid {
            return Ok(vec![]);
        }
        invoice.paid = true;
        invoice.amount = amount;
        let cut = fee_of(amount.minor, fee_bp);
        let moves = [
            (Account::ProviderBalance, amount.minor),
            (Account::PlatformFee, -cut),
            (Account::CreatorRevenue, cut - amount.minor),
        ];
        let entry = Entry::of(format!("{id}-paid-{n}"), amount.currency, &moves);
        // A card that the buyer chose since stays.
        self.method = self.method.take().or(method);
        self.drop_jobs(|task| *task == Task::Charge { invoice: n });
        self.stopped = self.stopped.take().filter(|job| job.task != Task::Charge { invoice: n });
        if n == 0 {
            self.begin(now, held, stock, Letter::Receipt { invoice: 0 });
        } else if self.void.is_some() || self.ended_at.is_some() || self.any_given_back() {
            // Charged in the moment it was called off: nothing is opened for it.
            self.owe(now, n);
        } else {
            self.plan(now, Task::Write { letter: Letter::Receipt { invoice: n } });
            if too_much > 0 {
                self.plan(now, Task::Refund { invoice: n, amount: too_much });
            }
            self.plan_next();
        }
        self.put_back(stock);
        Ok(vec![entry])
    }

    fn saved(
        &mut self,
        now: Timestamp,
        method: String,
        held: bool,
        stock: &mut Stock,
    ) -> Result<Vec<Entry>, OrderRejection> {
        if self.set_up || self.invoices.first().is_none_or(|first| first.amount.minor > 0) {
            return Ok(vec![]);
        }
        self.set_up = true;
        self.method = Some(method);
        if let Some(first) = self.invoices.first_mut() {
            first.paid = true;
        }
        self.begin(now, held, stock, Letter::Trial);
        Ok(vec![])
    }

    /// The purchase is made: the piece is sold, or all goes back.
    fn begin(&mut self, now: Timestamp, held: bool, stock: &mut Stock, letter: Letter) {
        self.drop_jobs(|task| matches!(task, Task::Look | Task::Close));
        if held {
            if self.piece == Piece::Held {
                stock.release();
                self.piece = Piece::Returned;
            }
            return self.void(now, Void::AlreadyHeld);
        }
        let sold = match self.piece {
            Piece::Held => {
                stock.settle();
                true
            }
            Piece::Returned => stock.sell_late().is_ok(),
            Piece::Sold => true,
        };
        if !sold {
            return self.void(now, Void::SoldOut);
        }
        self.piece = Piece::Sold;
        self.plan(now, Task::Write { letter });
        self.plan_next();
    }

    fn void(&mut self, now: Timestamp, why: Void) {
        self.void = Some(why);
        self.owe(now, 0);
    }

    /// A charge for which nothing is opened goes back.
    fn owe(&mut self, now: Timestamp, n: u32) {
        if let Some(invoice) = self.invoices.get_mut(n as usize) {
            invoice.owed = true;
        }
        self.plan_owed(now);
    }

    /// Plans that what is left of charges that are owed goes back, unless that waits already. What a bank took can only go
    /// back once the dispute is won.
    fn plan_owed(&mut self, at: Timestamp) {
        for (n, invoice) in (0_u32..).zip(self.invoices.clone()) {
            let left = invoice.amount.minor - invoice.refunded;
            let waits = self.jobs.iter().any(|job| matches!(job.task, Task::Refund { invoice, .. } if invoice == n));
            if invoice.owed && left > 0 && !invoice.disputed() && !waits {
                self.plan(at, Task::Refund { invoice: n, amount: left });
            }
        }
    }

    /// Plans the charge after the last one, if there is another.
    fn plan_next(&mut self) {
        let disputed = self.invoices.iter().any(Invoice::disputed);
        if self.cancelled || self.ended_at.is_some() || self.void.is_some() || disputed || self.any_given_back() {
            return;
        }
        let next = u32::try_from(self.invoices.len()).unwrap_or(u32::MAX);
        let unpaid = self.invoices.last().is_some_and(|last| !last.paid);
        let n = if unpaid { next.saturating_sub(1) } else { next };
        // Taken up under the number it had: it may have been made when it was called off.
        let again = self.stopped.take_if(|job| job.task == Task::Charge { invoice: n });
        if unpaid {
            self.jobs.extend(again);
            return;
        }
        if self.invoices.len() >= INVOICES_MAX {
            return;
        }
        if let Some(charge) = self.later(next) {
            self.invoices.push(Invoice::new(charge.amount, charge.at));
            match again {
                Some(job) => self.jobs.push(job),
                None => self.plan(charge.at, Task::Charge { invoice: next }),
            }
        }
    }

    /// Calls off charges that are not to be made any more. One may have been made in this moment, so it is not forgotten.
    fn stop_charging(&mut self) {
        let stopped = self.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. })).cloned();
        self.stopped = stopped.or(self.stopped.take());
        self.drop_jobs(|task| matches!(task, Task::Charge { .. }));
        while self.invoices.len() > 1 && self.invoices.last().is_some_and(Invoice::untouched) {
            self.invoices.pop();
        }
    }

    fn done(&mut self, now: Timestamp, job: u32) -> Result<Vec<Entry>, OrderRejection> {
        let refunds = |held: &Job| held.id == job && matches!(held.task, Task::Refund { .. });
        let refunded = self.jobs.iter().any(refunds);
        self.jobs.retain(|held| held.id != job);
        if refunded {
            // Refused, since somebody gave a part of it back at the provider: the rest goes back too.
            self.plan_owed(now + REFUND_AGAIN_MS);
        }
        Ok(vec![])
    }

    fn refunded(
        &mut self,
        now: Timestamp,
        n: u32,
        total: i64,
        stock: &mut Stock,
    ) -> Result<Vec<Entry>, OrderRejection> {
        let (id, fee_bp, whole) = (self.id.clone(), self.platform_fee_bp, self.whole(n));
        let invoice = self.charged(n)?;
        if !(0..=invoice.most(whole)).contains(&total) {
            return Err(OrderRejection::BadAmount);
        }
        let (before, amount) = (invoice.refunded, invoice.amount);
        if total <= before {
            return Ok(vec![]);
        }
        invoice.refunded = total;
        // By totals, so that it does not matter in how many pieces it is heard.
        let cut = fee_of(total, fee_bp) - fee_of(before, fee_bp);
        let back = total - before;
        let moves =
            [(Account::ProviderBalance, -back), (Account::PlatformFee, cut), (Account::CreatorRevenue, back - cut)];
        let entry = Entry::of(format!("{id}-refunded-{n}-{total}"), amount.currency, &moves);
        self.plan(now, Task::Write { letter: Letter::Refunded { amount: back } });
        self.put_back(stock);
        Ok(vec![entry])
    }

    /// Once a charge went back in full, nothing more is charged; if it was the first, the piece is for sale again.
    fn put_back(&mut self, stock: &mut Stock) {
        if !self.any_given_back() {
            return;
        }
        let first = self.invoices.iter().find(|invoice| invoice.amount.minor > 0);
        if first.is_some_and(Invoice::given_back) && self.piece == Piece::Sold {
            stock.take_back();
            self.piece = Piece::Returned;
        }
        self.stop_charging();
    }

    fn disputed(
        &mut self,
        now: Timestamp,
        n: u32,
        dispute: String,
        minor: i64,
        won: Option<bool>,
    ) -> Result<Vec<Entry>, OrderRejection> {
        let (id, whole) = (self.id.clone(), self.whole(n));
        let invoice = self.charged(n)?;
        let (amount, known) = (invoice.amount, invoice.disputes.get(&dispute).copied());
        if !(0..=invoice.most(whole)).contains(&minor) {
            return Err(OrderRejection::BadAmount);
        }
        if known.is_some_and(|(_, decided)| decided.is_some() || won.is_none()) {
            return Ok(vec![]);
        }
        if known.is_none() && invoice.disputes.len() >= DISPUTES_MAX {
            return Err(OrderRejection::TooMany);
        }
        let minor = known.map_or(minor, |(held, _)| held);
        invoice.disputes.insert(dispute.clone(), (minor, won));
        let mut entries = vec![];
        let moves = [(Account::ProviderBalance, -minor), (Account::Disputes, minor)];
        if known.is_none() {
            entries.push(Entry::of(format!("{id}-disputed-{dispute}"), amount.currency, &moves));
        }
        if won == Some(true) {
            let back = moves.map(|(account, minor)| (account, -minor));
            entries.push(Entry::of(format!("{id}-won-{dispute}"), amount.currency, &back));
            self.plan_owed(now);
            if self.begun() {
                self.plan_next();
            }
        } else {
            self.stop_charging();
        }
        Ok(entries)
    }

    fn declined(&mut self, now: Timestamp, job: u32) -> Result<Vec<Entry>, OrderRejection> {
        let charged = self.jobs.iter().find(|held| held.id == job).map(|held| &held.task);
        let Some(&Task::Charge { invoice: n }) = charged else { return Ok(vec![]) };
        self.jobs.retain(|held| held.id != job);
        let invoice = self.invoice_mut(n)?;
        if invoice.paid {
            return Ok(vec![]);
        }
        let tried = usize::from(invoice.declined);
        invoice.declined = invoice.declined.saturating_add(1);
        match RETRIES_MS.get(tried) {
            Some(rest) => {
                self.plan(now + *rest, Task::Charge { invoice: n });
                self.plan(now, Task::Write { letter: Letter::Declined { invoice: n } });
            }
            None => {
                self.ended_at = Some(now);
                self.plan(now, Task::Write { letter: Letter::Lapsed });
            }
        }
        Ok(vec![])
    }

    fn close(&mut self, stock: &mut Stock) -> Result<Vec<Entry>, OrderRejection> {
        if self.begun() || self.closed {
            return Ok(vec![]);
        }
        self.closed = true;
        if self.piece == Piece::Held {
            stock.release();
            self.piece = Piece::Returned;
        }
        self.drop_jobs(|task| matches!(task, Task::Look | Task::Close));
        Ok(vec![])
    }

    fn cancel(&mut self, now: Timestamp) -> Result<Vec<Entry>, OrderRejection> {
        let split = matches!(self.price.kind, PriceKind::Once { .. });
        // Parts of split pay are owed: they are no renewals.
        if split || !self.runs(now) {
            return Err(OrderRejection::NotRunning);
        }
        self.cancelled = true;
        self.stop_charging();
        Ok(vec![])
    }

    fn resume(&mut self, now: Timestamp) -> Result<Vec<Entry>, OrderRejection> {
        if self.phase(now) != Phase::Cancelled {
            return Err(OrderRejection::NotRunning);
        }
        self.cancelled = false;
        self.plan_next();
        Ok(vec![])
    }

    fn stay(&mut self, now: Timestamp) -> Result<Vec<Entry>, OrderRejection> {
        self.offer_to_stay(now).ok_or(OrderRejection::NoOffer)?;
        let count = u32::try_from(self.invoices.len()).unwrap_or(u32::MAX);
        let planned = self.invoices.last().is_some_and(|last| !last.paid);
        let from = if planned { count.saturating_sub(1) } else { count };
        self.stayed_from = Some(from);
        let less = self.later(from);
        if let (true, Some(last), Some(less)) = (planned, self.invoices.last_mut(), less) {
            last.amount = less.amount;
        }
        self.cancelled = false;
        self.plan_next();
        Ok(vec![])
    }

    /// A charge that waits for its next try is made at once.
    fn use_method(&mut self, now: Timestamp, method: String) -> Result<Vec<Entry>, OrderRejection> {
        if !self.begun() || self.void.is_some() || self.ended_at.is_some() {
            return Err(OrderRejection::NotRunning);
        }
        self.method = Some(method);
        let declined: Vec<u32> =
            (0_u32..).zip(&self.invoices).filter(|(_, held)| !held.paid && held.declined > 0).map(|(n, _)| n).collect();
        for job in &mut self.jobs {
            if matches!(job.task, Task::Charge { invoice } if declined.contains(&invoice)) {
                job.at = now;
            }
        }
        Ok(vec![])
    }

    fn give_back(&mut self, now: Timestamp, n: u32, minor: i64) -> Result<Vec<Entry>, OrderRejection> {
        let asked = |job: &Job| match job.task {
            Task::Refund { invoice, amount } if invoice == n => amount,
            Task::Refund { .. } | Task::Look | Task::Close | Task::Charge { .. } | Task::Write { .. } => 0,
        };
        let waiting: i64 = self.jobs.iter().map(asked).sum();
        if self.jobs.len() >= JOBS_MAX {
            return Err(OrderRejection::TooMany);
        }
        let invoice = self.invoice_mut(n)?;
        if !invoice.paid || invoice.disputed() {
            return Err(OrderRejection::NoSuchInvoice);
        }
        if minor <= 0 || minor > invoice.amount.minor - invoice.refunded - waiting {
            return Err(OrderRejection::BadAmount);
        }
        self.plan(now, Task::Refund { invoice: n, amount: minor });
        Ok(vec![])
    }

    fn end(&mut self, now: Timestamp) -> Result<Vec<Entry>, OrderRejection> {
        if !self.runs(now) {
            return Err(OrderRejection::NotRunning);
        }
        self.ended_at = Some(now);
        self.stop_charging();
        Ok(vec![])
    }

    /// Whether there is something to cancel or to end: access, or a charge that is still to be made.
    fn runs(&self, now: Timestamp) -> bool {
        matches!(self.phase(now), Phase::Active | Phase::PastDue | Phase::Cancelled) || self.is_charged_again()
    }
}

/// What the platform keeps of an amount, rounded down.
fn fee_of(minor: i64, bp: u16) -> i64 {
    i64::try_from(i128::from(minor) * i128::from(bp) / 10_000).unwrap_or(0)
}
