//! A second click that comes while the first one is being paid.

use crate::shop::{NOW, Shop};
use backstage::order::due;
use backstage::order::store::{self, NotDone, Provider};
use backstage_core::order::Event;

#[tokio::test]
async fn nobody_is_sold_what_they_have_just_bought() {
    for shop in [Shop::sqlite(10).await, Shop::postgres(10).await] {
        let first = shop.open("ada").await.unwrap();
        assert_eq!(shop.open("ada").await.unwrap().order.id, first.order.id, "two clicks are one purchase");
        shop.pay(&first.order.id).await.unwrap();
        let again = shop.open("ada").await.unwrap_err();
        assert!(matches!(&again, NotDone::Bought(order) if *order == first.order.id), "{again:?}");
        let (sold, held) = (shop.stock().await.sold, shop.stock().await.held);
        assert_eq!((sold, held), (1, 0));
        // Once it is given back, it can be bought again.
        let total = shop.offer.price.due_now().minor;
        shop.tell(&first.order.id, Event::Refunded { invoice: 0, total }).await.unwrap();
        assert!(shop.open_as("ada", "order-two").await.is_ok());
    }
}

#[tokio::test]
async fn what_a_dead_process_had_begun_is_taken_up_at_once_where_no_other_process_can_be() {
    let shop = Shop::sqlite(10).await;
    let held = shop.open("ada").await.unwrap();
    let due_at = held.order.next_job().unwrap().at;
    let claimed = due::claim(&shop.db, Provider::Sandbox, due_at, 120_000, 10).await.unwrap();
    assert_eq!(claimed, std::slice::from_ref(&held.order.id));
    assert!(due::claim(&shop.db, Provider::Sandbox, due_at, 120_000, 10).await.unwrap().is_empty(), "it is taken");
    due::take_back(&shop.db, Provider::Sandbox, due_at, 120_000).await.unwrap();
    assert_eq!(due::next_at(&shop.db, Provider::Sandbox).await.unwrap(), Some(due_at));
    assert_eq!(due::claim(&shop.db, Provider::Sandbox, due_at, 120_000, 10).await.unwrap(), claimed);
    assert_eq!(store::by_id(&shop.db, &held.order.id).await.unwrap().unwrap().order, held.order);
    assert!(due_at > NOW);
}
