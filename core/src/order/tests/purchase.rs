use super::*;

#[test]
fn a_checkout_holds_a_piece_looks_and_closes() {
    let mut sale = Sale::of(once(1_000), 1);
    assert_eq!(sale.phase(), Phase::Pending);
    assert_eq!(sale.stock, Stock { total: Some(1), sold: 0, held: 1 });
    let look = (Timestamp(LOOK_MS), Task::Look);
    assert_eq!(sale.to_do(), vec![look.clone(), (Timestamp(RESERVATION_MS), Task::Close)]);
    assert_eq!(sale.order.next_job().map(|job| (job.at, job.task.clone())), Some(look));
    let second = Order::open(Timestamp(0), OrderId::parse("p").unwrap(), once(1_000), 0, &mut sale.stock);
    assert_eq!((second, sale.stock.held), (Err(crate::pass::SoldOut), 1));
    sale.hear(Event::Later { job: 0, at: Timestamp(3 * LOOK_MS) });
    assert_eq!(sale.order.next_job().map(|job| (job.at, job.tries)), Some((Timestamp(3 * LOOK_MS), 1)));
    sale.hear(Event::Closed);
    assert_eq!((sale.phase(), sale.to_do(), sale.stock.left()), (Phase::Closed, vec![], Some(1)));
    assert_eq!(sale.until(), None);
}

#[test]
fn paid_once_it_is_sold_for_good() {
    let mut sale = Sale::of(once(1_005), 1);
    let entries = sale.hear(sale.paid(0));
    let moves = vec![(Account::ProviderBalance, 1_005), (Account::PlatformFee, -100), (Account::CreatorRevenue, -905)];
    assert_eq!(entries.iter().map(lines).collect::<Vec<_>>(), vec![("o-paid-0", moves)]);
    assert_eq!((sale.phase(), sale.until()), (Phase::Active, Some(None)));
    assert_eq!(sale.stock, Stock { total: Some(1), sold: 1, held: 0 });
    assert_eq!((sale.to_do(), sale.letters()), (vec![], vec![Letter::Receipt { invoice: 0 }]));
    assert_eq!((sale.order.kept_minor(), sale.order.method.as_deref()), (1_005, Some("card")));
    let settled = sale.order.clone();
    assert_eq!((sale.hear(sale.paid(0)), sale.hear(Event::Closed)), (vec![], vec![]));
    assert_eq!(sale.order, settled);
    let letter = sale.order.jobs[0].id;
    sale.hear(Event::Done { job: letter });
    assert_eq!(sale.order.next_job(), None);
}

#[test]
fn a_trial_opens_free_and_charges_when_it_is_over() {
    let mut sale = Sale::of(trial(500, 14), 1);
    let day14 = Timestamp(14 * DAY_MS);
    assert_eq!(sale.order.invoices[0].amount, usd(0));
    assert_eq!(sale.hear(Event::SetUp { method: "card".into(), held: false }), vec![]);
    assert_eq!((sale.phase(), sale.until()), (Phase::Active, Some(Some(day14 + GRACE_MS))));
    assert_eq!((sale.to_do(), sale.letters()), (vec![(day14, charge(1))], vec![Letter::Trial]));
    assert_eq!((sale.stock.sold, sale.order.kept_minor()), (1, 0));
    let settled = sale.order.clone();
    assert_eq!(sale.hear(Event::SetUp { method: "other".into(), held: true }), vec![]);
    assert_eq!(sale.order, settled);
    assert_eq!(sale.charged().len(), 1);
    let day14_and = |months| MONTH.after(day14, months);
    assert_eq!(sale.to_do(), vec![(day14_and(1), charge(2))]);
    assert_eq!(sale.until(), Some(Some(day14_and(1) + GRACE_MS)));
}

#[test]
fn a_trial_that_is_cancelled_costs_nothing_and_lasts_to_its_end() {
    let mut sale = Sale::begun(trial(500, 14));
    sale.hear(Event::Cancel);
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Cancelled, vec![]));
    assert_eq!(sale.until(), Some(Some(Timestamp(14 * DAY_MS))));
    assert_eq!(sale.at(Timestamp(14 * DAY_MS)).phase(), Phase::Ended);
}

#[test]
fn nothing_can_be_paid_where_a_card_is_only_saved() {
    let mut sale = Sale::of(trial(500, 14), 1);
    assert_eq!(sale.refused(sale.paid(0)), OrderRejection::BadAmount);
    assert_eq!(sale.phase(), Phase::Pending);
}

#[test]
fn a_saved_card_begins_nothing_that_has_to_be_paid() {
    let mut sale = Sale::of(once(1_000), 1);
    sale.hear(Event::SetUp { method: "card".into(), held: false });
    assert_eq!((sale.phase(), sale.stock.held), (Phase::Pending, 1));
}

#[test]
fn an_initial_fee_is_paid_at_purchase_only() {
    let mut sale = Sale::begun(Price { initial_fee: Some(usd(200)), ..monthly(500) });
    assert_eq!(sale.order.invoices.iter().map(|invoice| invoice.amount.minor).collect::<Vec<_>>(), vec![700, 500]);
    sale.charged();
    assert_eq!(sale.order.kept_minor(), 1_200);
    let with_trial = Sale::begun(Price { initial_fee: Some(usd(200)), ..trial(500, 14) });
    assert_eq!(with_trial.letters(), vec![Letter::Receipt { invoice: 0 }]);
    assert_eq!(with_trial.to_do(), vec![(Timestamp(14 * DAY_MS), charge(1))]);
    assert_eq!(with_trial.order.kept_minor(), 200);
}

#[test]
fn split_pay_opens_part_by_part_and_then_for_good() {
    let mut sale = Sale::begun(in_parts(1_000, 3));
    assert_eq!(sale.order.invoices.iter().map(|invoice| invoice.amount.minor).collect::<Vec<_>>(), vec![334, 333]);
    assert_eq!((sale.until(), sale.to_do()), (Some(Some(month(1) + GRACE_MS)), vec![(month(1), charge(1))]));
    assert_eq!(sale.refused(Event::Cancel), OrderRejection::NotRunning);
    sale.charged();
    assert_eq!(sale.to_do(), vec![(month(2), charge(2))]);
    sale.charged();
    assert_eq!((sale.until(), sale.to_do(), sale.order.kept_minor()), (Some(None), vec![], 1_000));
    assert_eq!(sale.phase(), Phase::Active);
}

#[test]
fn a_late_payment_gets_a_piece_while_there_is_one() {
    let mut sale = Sale::of(once(1_000), 1);
    sale.hear(Event::Closed);
    assert_eq!(sale.hear(sale.paid(0)).len(), 1);
    assert_eq!((sale.phase(), sale.stock.sold, sale.order.piece), (Phase::Active, 1, Piece::Sold));
}

#[test]
fn a_late_payment_without_a_piece_goes_back_by_itself() {
    let mut sale = Sale::of(once(1_000), 1);
    sale.hear(Event::Closed);
    sale.stock.reserve().unwrap();
    assert_eq!(sale.hear(sale.paid(0)).len(), 1);
    assert_eq!((sale.phase(), sale.order.void, sale.until()), (Phase::Void, Some(Void::SoldOut), None));
    assert_eq!((sale.to_do(), sale.letters()), (vec![(sale.now, refund(0, 1_000))], vec![]));
    assert_eq!((sale.stock.sold, sale.stock.held), (0, 1));
    sale.refunded(0, 1_000);
    sale.hear(Event::Done { job: sale.order.jobs[0].id });
    assert_eq!((sale.phase(), sale.order.kept_minor(), sale.to_do()), (Phase::Void, 0, vec![]));
    assert_eq!((sale.stock.sold, sale.letters()), (0, vec![Letter::Refunded { amount: 1_000 }]));
}

#[test]
fn paid_twice_the_second_goes_back_with_its_piece() {
    let mut sale = Sale::of(monthly(1_000), 1);
    let amount = usd(1_000);
    sale.hear(Event::Paid { invoice: 0, amount, method: None, held: true });
    assert_eq!((sale.phase(), sale.order.void), (Phase::Void, Some(Void::AlreadyHeld)));
    assert_eq!((sale.to_do(), sale.stock.left()), (vec![(sale.now, refund(0, 1_000))], Some(1)));
    assert_eq!(sale.refused(Event::UseMethod { method: "b".into() }), OrderRejection::NotRunning);
    let mut tried = Sale::of(trial(1_000, 14), 1);
    tried.hear(Event::SetUp { method: "card".into(), held: true });
    assert_eq!((tried.phase(), tried.to_do(), tried.stock.left()), (Phase::Void, vec![], Some(1)));
}

#[test]
fn what_is_void_goes_back_whole_though_a_part_went_back_elsewhere() {
    let mut sale = Sale::of(once(1_000), 1);
    sale.hear(Event::Paid { invoice: 0, amount: usd(1_000), method: None, held: true });
    let job = sale.order.jobs[0].id;
    // Refused by the provider, as more than what is left; what is there counts.
    sale.refunded(0, 300);
    sale.hear(Event::Done { job });
    assert_eq!(sale.to_do(), vec![(sale.now + REFUND_AGAIN_MS, refund(0, 700))]);
}

#[test]
fn what_is_void_goes_back_once_its_dispute_is_won() {
    let mut sale = Sale::of(once(1_000), 1);
    sale.hear(Event::Paid { invoice: 0, amount: usd(1_000), method: None, held: true });
    let job = sale.order.jobs[0].id;
    sale.disputed(0, None);
    sale.refunded(0, 0);
    sale.hear(Event::Done { job });
    assert_eq!(sale.to_do(), vec![]);
    sale.disputed(0, Some(true));
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Void, vec![(sale.now, refund(0, 1_000))]));
}
