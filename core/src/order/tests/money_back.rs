use super::*;

#[test]
fn a_part_goes_back_and_the_rest_stays() {
    let mut sale = Sale::begun(once(1_005));
    sale.hear(Event::GiveBack { invoice: 0, amount: 205 });
    assert_eq!(sale.to_do(), vec![(sale.now, refund(0, 205))]);
    let entries = sale.refunded(0, 205);
    let moves = vec![(Account::ProviderBalance, -205), (Account::PlatformFee, 20), (Account::CreatorRevenue, 185)];
    assert_eq!(entries.iter().map(lines).collect::<Vec<_>>(), vec![("o-refunded-0-205", moves)]);
    assert_eq!((sale.phase(), sale.until(), sale.order.kept_minor()), (Phase::Active, Some(None), 800));
    assert_eq!(sale.stock.sold, 1);
    assert_eq!(sale.letters()[1..], [Letter::Refunded { amount: 205 }]);
}

#[test]
fn all_back_nothing_opens_and_the_piece_is_for_sale() {
    let mut sale = Sale::begun(monthly(1_005));
    sale.refunded(0, 5);
    sale.refunded(0, 1_005);
    assert_eq!((sale.phase(), sale.until(), sale.order.kept_minor()), (Phase::Refunded, None, 0));
    assert_eq!((sale.stock.left(), sale.order.piece, sale.to_do()), (Some(5), Piece::Returned, vec![]));
    for account in Account::ALL {
        let lines = sale.entries.iter().flat_map(|entry| &entry.lines).filter(|line| line.account == account);
        assert_eq!(lines.map(|line| line.amount.minor).sum::<i64>(), 0, "{account:?}");
    }
    let settled = sale.order.clone();
    assert_eq!((sale.refunded(0, 1_005), sale.refunded(0, 5)), (vec![], vec![]));
    assert_eq!((&sale.order, sale.stock.left()), (&settled, Some(5)));
}

#[test]
fn what_is_asked_back_waits_together_within_what_was_paid() {
    let mut sale = Sale::begun(once(1_000));
    sale.hear(Event::GiveBack { invoice: 0, amount: 600 });
    assert_eq!(sale.refused(Event::GiveBack { invoice: 0, amount: 401 }), OrderRejection::BadAmount);
    sale.hear(Event::GiveBack { invoice: 0, amount: 400 });
    assert_eq!(sale.to_do(), vec![(sale.now, refund(0, 600)), (sale.now, refund(0, 400))]);
}

#[test]
fn a_refund_heard_before_its_payment_ends_the_same() {
    let mut sale = Sale::of(monthly(1_000), 1);
    assert_eq!((sale.refunded(0, 1_000).len(), sale.phase()), (1, Phase::Pending));
    sale.hear(sale.paid(0));
    assert_eq!((sale.phase(), sale.until(), sale.to_do()), (Phase::Refunded, None, vec![]));
    assert_eq!((sale.stock.left(), sale.order.invoices.len()), (Some(1), 1));
}

#[test]
fn after_a_renewal_went_back_no_other_is_charged() {
    let mut sale = Sale::begun(monthly(500));
    sale.charged();
    sale.refunded(1, 500);
    assert_eq!((sale.phase(), sale.until(), sale.to_do()), (Phase::Ended, Some(Some(month(1))), vec![]));
    assert_eq!((sale.order.invoices.len(), sale.stock.sold), (2, 1));
}

#[test]
fn after_the_first_charge_went_back_the_piece_is_for_sale_whenever_the_renewal_is_heard() {
    let mut sale = Sale::begun(monthly(500));
    sale.at(month(1)).refunded(0, 500);
    sale.hear(sale.paid(1));
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Ended, vec![(month(1), refund(1, 500))]));
    let mut other = Sale::begun(monthly(500));
    other.charged();
    other.refunded(0, 500);
    assert_eq!((other.phase(), other.until(), other.to_do()), (Phase::Ended, sale.until(), vec![]));
    assert_eq!(other.stock, sale.stock);
    assert_eq!(sale.stock.left(), Some(5));
}

#[test]
fn a_dispute_closes_until_it_is_won() {
    let mut sale = Sale::begun(monthly(500));
    let waiting = sale.charge_job().cloned();
    let entries = sale.disputed(0, None);
    let moves = vec![(Account::ProviderBalance, -500), (Account::Disputes, 500)];
    assert_eq!(entries.iter().map(lines).collect::<Vec<_>>(), vec![("o-disputed-dp", moves)]);
    assert_eq!((sale.phase(), sale.until(), sale.to_do()), (Phase::Disputed, None, vec![]));
    assert_eq!(sale.refused(Event::GiveBack { invoice: 0, amount: 1 }), OrderRejection::NoSuchInvoice);
    let entries = sale.disputed(0, Some(true));
    let moves = vec![(Account::ProviderBalance, 500), (Account::Disputes, -500)];
    assert_eq!(entries.iter().map(lines).collect::<Vec<_>>(), vec![("o-won-dp", moves)]);
    assert_eq!((sale.phase(), sale.charge_job().cloned()), (Phase::Active, waiting));
    assert_eq!((sale.disputed(0, None), sale.disputed(0, Some(true))), (vec![], vec![]));
}

#[test]
fn a_lost_dispute_closes_for_good() {
    let mut sale = Sale::begun(once(500));
    assert_eq!(sale.disputed(0, Some(false)).len(), 1);
    assert_eq!(sale.disputed(0, None), vec![]);
    assert_eq!((sale.phase(), sale.until(), sale.stock.sold), (Phase::Disputed, None, 1));
}

#[test]
fn a_dispute_that_is_won_before_its_beginning_is_heard_changes_nothing() {
    let mut sale = Sale::begun(once(500));
    assert_eq!(sale.disputed(0, Some(true)).len(), 2);
    assert_eq!(sale.disputed(0, None), vec![]);
    assert_eq!((sale.phase(), sale.until()), (Phase::Active, Some(None)));
}

#[test]
fn a_dispute_heard_before_its_payment_is_kept() {
    let mut sale = Sale::begun(monthly(500));
    sale.at(month(1)).disputed(1, None);
    assert_eq!(sale.phase(), Phase::Disputed);
    sale.hear(sale.paid(1));
    assert_eq!((sale.phase(), sale.order.invoices.len(), sale.to_do()), (Phase::Disputed, 2, vec![]));
    sale.disputed(1, Some(true));
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Active, vec![(month(2), charge(2))]));
}

#[test]
fn a_declined_charge_is_tried_again_after_a_dispute_is_won() {
    let mut sale = Sale::begun(monthly(500));
    sale.declined();
    let waiting = sale.charge_job().cloned();
    sale.disputed(0, None);
    assert_eq!(sale.to_do(), vec![]);
    sale.disputed(0, Some(true));
    assert_eq!((sale.phase(), sale.charge_job().cloned()), (Phase::PastDue, waiting));
}

#[test]
fn a_charge_called_off_by_a_dispute_keeps_its_number() {
    let mut sale = Sale::begun(monthly(500));
    let waiting = sale.charge_job().cloned();
    sale.at(month(1)).disputed(0, None);
    sale.disputed(0, Some(true));
    // It may have been made already: under another number it would be made twice.
    assert_eq!(sale.charge_job().cloned(), waiting);
}
