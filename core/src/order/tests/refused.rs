use super::*;

fn disputed(dispute: &str, amount: i64) -> Event {
    Event::Disputed { invoice: 0, dispute: dispute.into(), amount, won: Some(true) }
}

#[test]
fn amounts_that_do_not_fit_are_refused() {
    let mut sale = Sale::of(once(1_000), 1);
    let eur = Money::new(1_000, Currency::parse("EUR").unwrap()).unwrap();
    for amount in [usd(999), usd(1_001), eur] {
        let event = Event::Paid { invoice: 0, amount, method: None, held: false };
        assert_eq!(sale.refused(event), OrderRejection::BadAmount);
    }
    sale.hear(sale.paid(0));
    for total in [-1, 1_001] {
        assert_eq!(sale.refused(Event::Refunded { invoice: 0, total }), OrderRejection::BadAmount);
        assert_eq!(sale.refused(disputed("dp", total)), OrderRejection::BadAmount);
    }
    for amount in [i64::MIN, -1, 0, 1_001, i64::MAX] {
        assert_eq!(sale.refused(Event::GiveBack { invoice: 0, amount }), OrderRejection::BadAmount);
    }
}

#[test]
fn charges_that_do_not_exist_are_refused() {
    let mut sale = Sale::begun(once(1_000));
    for invoice in [1, u32::MAX] {
        let paid = Event::Paid { invoice, amount: usd(1_000), method: None, held: false };
        let disputed = Event::Disputed { invoice, dispute: "dp".into(), amount: 1, won: None };
        let refunded = Event::Refunded { invoice, total: 1 };
        for event in [paid, disputed, refunded, Event::GiveBack { invoice, amount: 1 }] {
            assert_eq!(sale.refused(event), OrderRejection::NoSuchInvoice);
        }
    }
}

#[test]
fn what_is_not_paid_cannot_be_given_back_cancelled_or_ended() {
    let mut sale = Sale::of(monthly(1_000), 1);
    assert_eq!(sale.refused(Event::GiveBack { invoice: 0, amount: 1 }), OrderRejection::NoSuchInvoice);
    for event in [Event::Cancel, Event::Resume, Event::End, Event::UseMethod { method: "b".into() }] {
        assert_eq!(sale.refused(event.clone()), OrderRejection::NotRunning);
    }
    sale.hear(Event::Closed);
    assert_eq!(sale.refused(Event::Cancel), OrderRejection::NotRunning);
}

#[test]
fn disputes_and_waiting_refunds_have_a_limit() {
    let mut sale = Sale::begun(once(1_000));
    for n in 0..DISPUTES_MAX {
        sale.hear(disputed(&format!("dp{n}"), 1));
    }
    assert_eq!(sale.refused(disputed("one more", 1)), OrderRejection::TooMany);
    while sale.order.jobs.len() < JOBS_MAX {
        sale.hear(Event::GiveBack { invoice: 0, amount: 1 });
    }
    assert_eq!(sale.refused(Event::GiveBack { invoice: 0, amount: 1 }), OrderRejection::TooMany);
}

#[test]
fn a_job_that_is_unknown_changes_nothing() {
    let mut sale = Sale::begun(monthly(500));
    let before = sale.order.clone();
    for event in [Event::Done { job: 99 }, Event::Later { job: 99, at: Timestamp(1) }, Event::Declined { job: 99 }] {
        assert_eq!(sale.hear(event), vec![]);
    }
    // A letter is no charge.
    let letter = sale.order.jobs.iter().find(|job| matches!(job.task, Task::Write { .. })).unwrap().id;
    sale.hear(Event::Declined { job: letter });
    assert_eq!(sale.order, before);
}

#[test]
fn every_phase_is_read_back_by_its_name() {
    for phase in Phase::ALL {
        assert_eq!(Phase::parse(phase.as_str()), Some(phase));
        assert_eq!(serde_json::to_string(&phase).unwrap(), format!("\"{}\"", phase.as_str()));
    }
    assert_eq!(Phase::parse("sold"), None);
}
