//! A limited price is never oversold, however many come at once.

use crate::shop::Shop;
use backstage::order::store::{self, NotDone};
use backstage_core::order::Event;
use futures_util::future::join_all;
use std::time::Duration;

const BUYERS: usize = 1_000;
const PLACES: u32 = 100;
const RUNS: usize = 20;

/// One buyer: waits while places are held by others, and one of three gives up with a place in hand.
async fn come(shop: Shop, buyer: usize) {
    loop {
        match shop.open(&format!("buyer{buyer}")).await {
            Ok(held) if buyer.is_multiple_of(3) => {
                shop.tell(&held.order.id, Event::Closed).await.unwrap();
                return;
            }
            Ok(held) => {
                let paid = shop.pay(&held.order.id).await.unwrap();
                // The provider tells twice.
                let again = shop.pay(&held.order.id).await.unwrap();
                assert_eq!(paid.order, again.order);
                return;
            }
            Err(NotDone::SoldOut) => {
                if shop.stock().await.sold == PLACES {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn rush(shop: Shop) {
    join_all((0..BUYERS).map(|buyer| tokio::spawn(come(shop.clone(), buyer))))
        .await
        .into_iter()
        .for_each(|done| done.unwrap());
    let stock = shop.stock().await;
    assert_eq!((stock.sold, stock.held), (PLACES, 0));
    let active = "SELECT COUNT(*) FROM orders WHERE phase = 'active'";
    assert_eq!(shop.count(active).await, i64::from(PLACES));
    assert_eq!(shop.count("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL").await, i64::from(PLACES));
    let balances = store::balances(&shop.db, None).await.unwrap();
    let of = |account: &str| balances.iter().find(|(name, _, _)| name == account).unwrap().2;
    assert_eq!(of("provider_balance"), i64::from(PLACES) * 2_900);
    assert_eq!(balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0);
    shop.db.close().await;
}

#[tokio::test]
async fn of_a_thousand_buyers_at_once_exactly_a_hundred_get_one_on_sqlite() {
    for _ in 0..RUNS {
        rush(Shop::sqlite(PLACES).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_buyers_at_once_exactly_a_hundred_get_one_on_postgres() {
    for _ in 0..RUNS {
        rush(Shop::postgres(PLACES).await).await;
    }
}
