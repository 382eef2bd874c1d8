//! Sends a sign-in code, within the limits. Nothing here depends on whether there is an account.

use crate::error::Problem;
use crate::locale;
use crate::ports::{Letter, Text};
use crate::security::seal;
use crate::security::visitor::Visit;
use crate::user::Contact;
use crate::{session, sms};

use super::codes;

/// Why no code was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// Too many were asked for.
    TooMany,
    /// There are no text messages here.
    NoTexts,
    /// No more text messages go out in this hour.
    Capped,
}

impl NotSent {
    /// The text key of what to do.
    pub const fn key(self) -> &'static str {
        match self {
            NotSent::TooMany => "session.new.too_many",
            NotSent::NoTexts => "session.phone.none_here",
            NotSent::Capped => "session.phone.capped",
        }
    }
}

/// Sends a new code to a contact, good in the visitor's browser alone.
pub async fn code(at: &Visit, to: &Contact) -> Result<Result<(), NotSent>, Problem> {
    let state = &at.state;
    let browser = at.browser().ok_or_else(Problem::forged)?;
    if to.phone().is_some() && state.sms.is_none() {
        return Ok(Err(NotSent::NoTexts));
    }
    let network = at.network();
    let known = session::store::network_known(&state.db, to, &network).await?;
    let limits = &state.limits;
    let within = limits
        .codes_per_network
        .take(&network)
        .and_then(|()| limits.codes_per_address_and_network.take(&format!("{to} {network}")))
        .and_then(|()| if to.phone().is_some() { limits.texts_per_network.take(&network) } else { Ok(()) })
        .and_then(|()| if known { Ok(()) } else { limits.codes_per_address.take(to.as_str()) });
    if within.is_err() {
        return Ok(Err(NotSent::TooMany));
    }
    let now = state.clock.now();
    if to.phone().is_some() && !sms::count(&state.db, state.texts_hourly_max, now).await? {
        state.metrics.text_message("capped");
        tracing::error!(most = state.texts_hourly_max, "no more texts go out in this hour: sms.hourly_max is reached");
        return Ok(Err(NotSent::Capped));
    }
    let code = seal::random_code().map_err(Problem::internal)?;
    codes::keep(&state.db, &state.seal, &state.ids.next(), to, &browser, &code, now).await?;
    match (to, &state.sms) {
        (Contact::Email(email), _) => state.mail.send(letter(email, &code)).await?,
        (Contact::Phone(phone), Some(sms)) => {
            let text = locale::text_with("sms.code", "code", &code);
            sms.send(Text { to: phone.clone(), text, code: Some(code) }).await?;
        }
        (Contact::Phone(_), None) => return Ok(Err(NotSent::NoTexts)),
    }
    Ok(Ok(()))
}

/// Code in the subject, so that it can be read from a notification.
fn letter(to: &str, code: &str) -> Letter {
    Letter {
        to: to.to_string(),
        subject: locale::text_with("mail.code.subject", "code", code),
        text: locale::text_with("mail.code.text", "code", code),
        code: Some(code.to_string()),
    }
}
