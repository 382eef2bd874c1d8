//! What buyers are written about their orders: letters, and for those without a mail address a short text where it matters.

use backstage_core::order::Letter as About;

use super::store::Purchase;
use crate::error::Problem;
use crate::locale;
use crate::money;
use crate::pass;
use crate::ports::{Letter, Text};
use crate::state::State;
use crate::user::Contact;

/// What goes out.
#[derive(Debug)]
pub enum Written {
    /// By mail.
    Letter(Letter),
    /// To a phone.
    Text(Text),
}

/// What is written, in the current language; `None`: there is nobody or nothing to write about any more, or it stands on the
/// order's page and is no text worth.
pub async fn write(state: &State, held: &Purchase, about: &About) -> Result<Option<Written>, Problem> {
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
    Ok(match &held.contact {
        Contact::Email(email) => Some(Written::Letter(Letter {
            to: email.clone(),
            subject: fill(locale::text(&format!("mail.order.{key}.subject"))),
            text: fill(locale::text(&format!("mail.order.{key}.text"))),
            code: None,
        })),
        Contact::Phone(phone) => locale::known(&format!("sms.order.{key}"))
            .map(|text| Written::Text(Text { to: phone.clone(), text: fill(text), code: None })),
    })
}
