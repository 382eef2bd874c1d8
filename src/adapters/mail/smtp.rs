//! SMTP through lettre. Time-out [`TRY_MS_MAX`] a try, [`TRIES_MAX`] tries within [`TOTAL_MS_MAX`]; a permanent refusal (5xx) is
//! final at once. The message id is made of the mail's key, the same at each try.

use super::{Mail, Post};
use backstage_actors::ports::{BoxFuture, ProviderError};
use lettre::message::Mailbox as Address;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// How long one try may take, ms.
pub const TRY_MS_MAX: u64 = 10_000;
/// Tries before giving it back.
pub const TRIES_MAX: u32 = 3;
/// All tries with their pauses, ms.
pub const TOTAL_MS_MAX: u64 = 40_000;
/// First pause between tries, ms; doubled each time.
const PAUSE_MS: u64 = 500;

/// How to reach the mail server.
#[derive(Clone)]
pub struct SmtpSettings {
    /// `smtp://user:password@host:587?tls=required`, `smtps://user:password@host:465`; `smtp://host:25` without TLS.
    pub url: String,
    /// Sender, as `Backstage Pass <hello@example.com>`.
    pub from: String,
}

/// Sends through a mail server. Keeps connections open between mails.
pub struct SmtpMail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl SmtpMail {
    /// Reads the settings; connects with the first mail. The words of an error never hold the password.
    pub fn new(settings: &SmtpSettings) -> Result<SmtpMail, String> {
        let from = settings.from.parse().map_err(|_| "the sender must look like Name <name@example.com>".to_owned())?;
        if sends_password_in_the_clear(&settings.url) {
            return Err("a mail server with a password needs TLS: smtps://..., or smtp://...?tls=required".to_owned());
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url)
            .map_err(|_| "the mail server must look like smtps://user:password@host:465 or smtp://host:25".to_owned())?
            .timeout(Some(Duration::from_millis(TRY_MS_MAX)))
            .build();
        Ok(SmtpMail { transport, from })
    }

    async fn deliver(&self, mail: Mail) -> Result<(), ProviderError> {
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.parse().map_err(|_| ProviderError::Final("this is not a mail address".into()))?)
            .subject(mail.subject)
            .message_id(Some(format!("<{}@{domain}>", mail.key)))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text)
            .map_err(|error| ProviderError::Final(format!("the mail cannot be written: {error}")))?;
        let mut pause_ms = PAUSE_MS;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.transport.send(message.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_permanent() => {
                    return Err(ProviderError::Final(format!("the mail server refuses: {}", in_words(&error))));
                }
                Err(error) if tries >= TRIES_MAX => {
                    return Err(ProviderError::TryAgain(format!("the mail server fails: {}", in_words(&error))));
                }
                Err(error) => tracing::warn!(key = mail.key, error = in_words(&error), "a mail is tried again"),
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms *= 2;
        }
    }
}

/// lettre speaks plain SMTP unless the URL asks for TLS; codes and a password must not travel like that.
fn sends_password_in_the_clear(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| {
        let tls = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
        url.scheme() == "smtp" && url.password().is_some() && !tls
    })
}

fn in_words(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{cause}")
}

impl Post for SmtpMail {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            match tokio::time::timeout(Duration::from_millis(TOTAL_MS_MAX), self.deliver(mail)).await {
                Ok(result) => result,
                Err(_) => Err(ProviderError::TryAgain(format!("the mail was not taken within {TOTAL_MS_MAX} ms"))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_travels_without_tls() {
        assert!(sends_password_in_the_clear("smtp://me:secret@mail.example.com:587"));
        assert!(sends_password_in_the_clear("smtp://me:secret@mail.example.com:587?tls=opportunistic"));
        assert!(!sends_password_in_the_clear("smtp://me:secret@mail.example.com:587?tls=required"));
        assert!(!sends_password_in_the_clear("smtps://me:secret@mail.example.com:465"));
        assert!(!sends_password_in_the_clear("smtp://127.0.0.1:25"));
    }
}
