use super::*;

#[test]
fn a_year_is_renewed_on_its_day() {
    let every = Interval { count: 1, unit: Unit::Year };
    let mut sale = Sale::begun(price(PriceKind::Recurring { amount: usd(9_000), every }));
    let year = |n| every.after(Timestamp(0), n);
    assert_eq!(sale.to_do(), vec![(year(1), charge(1))]);
    let entries = sale.charged();
    assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), vec!["o-paid-1"]);
    assert_eq!((sale.to_do(), sale.until()), (vec![(year(2), charge(2))], Some(Some(year(2) + GRACE_MS))));
    assert_eq!(sale.letters(), vec![Letter::Receipt { invoice: 0 }, Letter::Receipt { invoice: 1 }]);
    assert_eq!((sale.order.kept_minor(), sale.stock.sold), (18_000, 1));
}

#[test]
fn a_declined_renewal_is_tried_again_and_then_lapses() {
    let mut sale = Sale::begun(monthly(500));
    let mut at = month(1);
    for rest in RETRIES_MS {
        assert_eq!(sale.to_do(), vec![(at, charge(1))]);
        sale.declined();
        at = at + rest;
        assert_eq!((sale.phase(), sale.until()), (Phase::PastDue, Some(Some(month(1) + GRACE_MS))));
    }
    assert_eq!(at, month(1) + GRACE_MS);
    sale.declined();
    assert_eq!((sale.phase(), sale.to_do(), sale.entries.len()), (Phase::Ended, vec![], 1));
    assert_eq!((sale.order.ended_at, sale.until()), (Some(at), Some(Some(month(1)))));
    let declined = Letter::Declined { invoice: 1 };
    assert_eq!(sale.letters()[1..], [declined.clone(), declined.clone(), declined, Letter::Lapsed]);
    assert_eq!(sale.refused(Event::UseMethod { method: "b".into() }), OrderRejection::NotRunning);
}

#[test]
fn an_answer_that_comes_twice_declines_once() {
    let mut sale = Sale::begun(monthly(500));
    let job = sale.charge_job().unwrap().id;
    sale.declined();
    let once = sale.order.clone();
    assert_eq!(sale.hear(Event::Declined { job }), vec![]);
    assert_eq!(sale.order, once);
}

#[test]
fn a_new_card_pays_a_declined_charge_at_once() {
    let mut sale = Sale::begun(monthly(500));
    sale.declined();
    sale.now = sale.now + HOUR_MS;
    sale.hear(Event::UseMethod { method: "new".into() });
    assert_eq!(sale.to_do(), vec![(sale.now, charge(1))]);
    sale.charged();
    assert_eq!((sale.phase(), sale.order.method.as_deref()), (Phase::Active, Some("new")));
    assert_eq!(sale.to_do(), vec![(month(2), charge(2))]);
}

#[test]
fn a_new_card_does_not_hurry_what_is_not_due() {
    let mut sale = Sale::begun(monthly(500));
    sale.hear(Event::UseMethod { method: "new".into() });
    assert_eq!(sale.to_do(), vec![(month(1), charge(1))]);
}

#[test]
fn a_card_chosen_since_outlives_what_is_heard_of_the_old_one() {
    let mut sale = Sale::begun(monthly(500));
    sale.at(month(1)).hear(Event::UseMethod { method: "new".into() });
    sale.hear(sale.paid(1));
    assert_eq!(sale.order.method.as_deref(), Some("new"));
}

#[test]
fn cancelled_it_runs_out_and_resumed_it_renews() {
    let mut sale = Sale::begun(monthly(500));
    let waiting = sale.charge_job().cloned();
    assert_eq!(sale.refused(Event::Resume), OrderRejection::NotRunning);
    sale.hear(Event::Cancel);
    assert_eq!((sale.phase(), sale.to_do(), sale.until()), (Phase::Cancelled, vec![], Some(Some(month(1)))));
    sale.hear(Event::Resume);
    assert_eq!((sale.phase(), sale.charge_job().cloned()), (Phase::Active, waiting));
    sale.hear(Event::Cancel);
    assert_eq!(sale.at(month(1)).phase(), Phase::Ended);
    assert_eq!(sale.refused(Event::Resume), OrderRejection::NotRunning);
}

#[test]
fn a_charge_made_in_the_moment_of_cancelling_counts() {
    let mut sale = Sale::begun(monthly(500));
    sale.hear(Event::Cancel);
    sale.at(month(1));
    assert_eq!(sale.hear(sale.paid(1)).len(), 1);
    assert_eq!((sale.phase(), sale.until(), sale.to_do()), (Phase::Cancelled, Some(Some(month(2))), vec![]));
    assert_eq!(sale.hear(sale.paid(1)), vec![]);
}

#[test]
fn a_charge_that_was_never_planned_is_refused() {
    let mut sale = Sale::begun(monthly(500));
    assert_eq!(sale.refused(sale.paid(2)), OrderRejection::NoSuchInvoice);
    sale.hear(Event::Cancel);
    assert_eq!(sale.refused(sale.paid(2)), OrderRejection::NoSuchInvoice);
    let other = Event::Paid { invoice: 1, amount: usd(1), method: None, held: false };
    assert_eq!(sale.refused(other), OrderRejection::BadAmount);
}

#[test]
fn ended_by_the_team_nothing_opens_and_nothing_is_charged() {
    let mut sale = Sale::begun(monthly(500));
    sale.at(Timestamp(DAY_MS)).hear(Event::End);
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Ended, vec![]));
    assert_eq!((sale.until(), sale.order.kept_minor()), (Some(Some(Timestamp(DAY_MS))), 500));
    for event in [Event::End, Event::Cancel, Event::Resume] {
        assert_eq!(sale.refused(event), OrderRejection::NotRunning);
    }
}

#[test]
fn a_charge_made_in_the_moment_the_team_ends_goes_back() {
    let mut sale = Sale::begun(monthly(500));
    sale.at(month(1)).hear(Event::End);
    assert_eq!(sale.hear(sale.paid(1)).len(), 1);
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Ended, vec![(month(1), refund(1, 500))]));
    // Also the rest of it, when a part went back at the provider and the whole was refused.
    let job = sale.order.jobs.iter().find(|job| job.task == refund(1, 500)).unwrap().id;
    sale.refunded(1, 200);
    sale.hear(Event::Done { job });
    assert_eq!(sale.to_do(), vec![(month(1) + REFUND_AGAIN_MS, refund(1, 300))]);
}

#[test]
fn the_last_try_can_still_be_called_off_after_the_grace() {
    let mut sale = Sale::begun(monthly(500));
    for _ in RETRIES_MS {
        sale.declined();
    }
    sale.now = month(1) + GRACE_MS;
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Ended, vec![(sale.now, charge(1))]));
    sale.hear(Event::Cancel);
    assert_eq!(sale.to_do(), vec![]);
}

#[test]
fn after_the_last_charge_there_is_none() {
    let mut sale = Sale::begun(monthly(500));
    while sale.charge_job().is_some() {
        sale.charged();
        sale.order.drop_jobs(|task| matches!(task, Task::Write { .. }));
    }
    assert_eq!(sale.order.invoices.len(), INVOICES_MAX);
    assert!(sale.order.invoices.iter().all(|invoice| invoice.paid));
}

fn with_offer(percent: u8, charges: u8) -> Price {
    let price = Price { stay: Some(Stay { percent, charges }), ..monthly(500) };
    price.check().unwrap();
    price
}

#[test]
fn who_stays_pays_less_for_the_next_charges_and_then_as_before() {
    let mut sale = Sale::begun(with_offer(50, 2));
    assert_eq!(sale.order.offer_to_stay(sale.now), Some((usd(250), 2)));
    sale.hear(Event::Stay);
    assert_eq!(sale.to_do(), vec![(month(1), charge(1))]);
    let paid: Vec<i64> = (0..3).map(|_| sale.charged()[0].lines[0].amount.minor).collect();
    assert_eq!(paid, [250, 250, 500]);
    assert_eq!(sale.refused(Event::Stay), OrderRejection::NoOffer, "once");
}

#[test]
fn who_cancelled_may_stay_after_all() {
    let mut sale = Sale::begun(with_offer(25, 1));
    sale.hear(Event::Cancel);
    assert_eq!(sale.to_do(), vec![]);
    sale.hear(Event::Stay);
    assert_eq!((sale.phase(), sale.to_do()), (Phase::Active, vec![(month(1), charge(1))]));
    assert_eq!(sale.charged()[0].lines[0].amount.minor, 375);
}

#[test]
fn a_charge_made_at_the_whole_price_in_the_same_moment_gives_the_difference_back() {
    let mut sale = Sale::begun(with_offer(50, 3));
    sale.hear(Event::Stay);
    sale.hear(Event::Paid { invoice: 1, amount: usd(500), method: None, held: false });
    let back = Task::Refund { invoice: 1, amount: 250 };
    assert!(sale.order.jobs.iter().any(|job| job.task == back), "{:?}", sale.order.jobs);
    sale.hear(Event::Refunded { invoice: 1, total: 250 });
    assert_eq!((sale.phase(), sale.order.kept_minor()), (Phase::Active, 750));
    // Heard again, it is nothing new; at any other price it is no charge of ours.
    assert_eq!(sale.hear(Event::Paid { invoice: 1, amount: usd(500), method: None, held: false }), vec![]);
    let wrong = Event::Paid { invoice: 2, amount: usd(400), method: None, held: false };
    assert_eq!(sale.refused(wrong), OrderRejection::BadAmount);
}

#[test]
fn only_what_renews_and_runs_is_offered_anything() {
    let mut sale = Sale::begun(monthly(500));
    assert_eq!(sale.refused(Event::Stay), OrderRejection::NoOffer);
    let offer = Some(Stay { percent: 50, charges: 1 });
    assert!(Price { stay: offer, ..once(500) }.check().is_err());
    for (percent, charges) in [(0, 1), (91, 1), (50, 0), (50, 25)] {
        assert!(Price { stay: Some(Stay { percent, charges }), ..monthly(500) }.check().is_err());
    }
    let mut late = Sale::begun(with_offer(50, 1));
    late.declined();
    assert_eq!(late.refused(Event::Stay), OrderRejection::NoOffer, "a debt is no bargain");
    assert_eq!(Stay { percent: 90, charges: 1 }.of(usd(1)), usd(1), "never nothing");
}
