//! Letters about orders.

use backstage_core::order::Letter as About;

use super::store::Purchase;
use crate::error::Problem;
use crate::locale;
use crate::money;
use crate::pass;
use crate::ports::Letter;
use crate::state::State;

/// The letter, in the current language; `None`: there is nobody or nothing to write about any more.
pub async fn write(state: &State, held: &Purchase, about: &About) -> Result<Option<Letter>, Problem> {
    let Some(pass) = pass::store::by_id(&state.db, &held.pass).await? else { return Ok(None) };
    let Some(space) = state.store.space(&held.space).await?.map(|found| found.state) else { return Ok(None) };
    let invoice = |n: u32| held.order.invoices.get(n as usize).map(|invoice| money::text(invoice.amount));
    let (key, amount) = match about {
        About::Receipt { invoice: n } => ("receipt", invoice(*n)),
        About::Trial => ("trial", None),
        About::Declined { invoice: n } => ("declined", invoice(*n)),
        About::Lapsed => ("lapsed", None),
        About::Refunded { amount } => {
            let currency = held.order.price.amount().currency;
            ("refunded", Some(money::text(backstage_core::money::Money { minor: *amount, currency })))
        }
    };
    let name = format!("{} · {}", pass.terms.name, space.settings.name);
    let fill = |text: &str| {
        text.replace("{name}", &name)
            .replace("{amount}", amount.as_deref().unwrap_or_default())
            .replace("{url}", &format!("{}/orders/{}", state.site.public_url, held.order.id))
    };
    Ok(Some(Letter {
        to: held.email.clone(),
        subject: fill(locale::text(&format!("mail.order.{key}.subject"))),
        text: fill(locale::text(&format!("mail.order.{key}.text"))),
        code: None,
    }))
}
