//! A space with one pass at one price, in a database of its own.

use crate::support::postgres;
use crate::support::temp::TempDir;
use backstage::db::Db;
use backstage::order::store::{self, NewPurchase, NotDone, Provider, Purchase};
use backstage::pass::Status;
use backstage::pass::store::{Pass, Terms};
use backstage::price::{Offer, Options};
use backstage::user::Contact;
use backstage::{pass, price};
use backstage_core::access::Opens;
use backstage_core::money::{Currency, Money};
use backstage_core::order::Event;
use backstage_core::pass::{Price, PriceKind, Stock};
use backstage_core::slug::Slug;
use backstage_core::{OrderId, Timestamp, UserId};
use std::sync::Arc;

/// When everything happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

#[derive(Clone)]
pub struct Shop {
    pub db: Db,
    pub offer: Arc<Offer>,
    _folder: Arc<Option<TempDir>>,
}

impl Shop {
    pub async fn sqlite(total: u32) -> Shop {
        let folder = TempDir::new("orders");
        let db = Db::connect(&Db::url_of(&folder.path().join("orders.db"))).await.unwrap();
        Shop::of(db, Some(folder), total).await
    }

    pub async fn postgres(total: u32) -> Shop {
        Shop::of(Db::connect(&postgres::new_database().await).await.unwrap(), None, total).await
    }

    async fn of(db: Db, folder: Option<TempDir>, total: u32) -> Shop {
        let usd = Money::new(2_900, Currency::parse("USD").unwrap()).unwrap();
        let offer = Offer {
            id: "price".parse().unwrap(),
            line: "price".into(),
            pass: "pass".parse().unwrap(),
            space: "space".parse().unwrap(),
            price: Price {
                kind: PriceKind::Once { amount: usd, split: None },
                initial_fee: None,
                trial_days: None,
                stay: None,
            },
            options: Options::default(),
            stock: Stock { total: Some(total), ..Stock::default() },
            retired: false,
        };
        let terms = Terms {
            slug: Slug::parse("pro").unwrap(),
            name: "Pro".into(),
            internal_name: String::new(),
            headline: String::new(),
            description: String::new(),
            status: Status::Published,
            opens: Opens::All,
            days: None,
        };
        let held = Pass { id: offer.pass.clone(), space: offer.space.clone(), terms, is_default: true };
        pass::store::add(&db, &held, NOW).await.unwrap();
        price::store::add(&db, &offer, NOW).await.unwrap();
        Shop { db, offer: Arc::new(offer), _folder: Arc::new(folder) }
    }

    pub async fn open(&self, buyer: &str) -> Result<Purchase, NotDone> {
        self.open_as(buyer, &format!("order-of-{buyer}")).await
    }

    /// The same, with an id of its own for the order.
    pub async fn open_as(&self, buyer: &str, id: &str) -> Result<Purchase, NotDone> {
        let new = NewPurchase {
            id: OrderId::parse(id).unwrap(),
            offer: &self.offer,
            user: None,
            contact: &Contact::Email(format!("{buyer}@example.com")),
            browser: buyer,
            provider: Provider::Sandbox,
            customer: None,
            answers: &[],
            platform_fee_bp: 500,
        };
        store::open(&self.db, &new, NOW).await
    }

    pub async fn tell(&self, order: &OrderId, event: Event) -> Result<Purchase, NotDone> {
        let fresh = UserId::parse(&format!("user-{order}")).unwrap();
        store::tell(&self.db, order, event, &fresh, NOW).await.map(|told| told.purchase)
    }

    pub async fn pay(&self, order: &OrderId) -> Result<Purchase, NotDone> {
        let amount = self.offer.price.due_now();
        self.tell(order, Event::Paid { invoice: 0, amount, method: Some("pm".into()), held: false }).await
    }

    pub async fn stock(&self) -> Stock {
        price::store::by_id(&self.db, &self.offer.id).await.unwrap().unwrap().stock
    }

    pub async fn count(&self, statement: &'static str) -> i64 {
        let (count,): (i64,) = sqlx::query_as(statement).fetch_one(&self.db.pool).await.unwrap();
        count
    }
}
