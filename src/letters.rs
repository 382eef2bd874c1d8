//! The [`Mail`] port over the mail adapters.

use backstage_actors::ports::{BoxFuture, Ids, ProviderError};
use backstage_core::Timestamp;
use std::sync::Arc;

use crate::adapters::mail::{Mail as Message, Mailbox, Post, SmtpMail};
use crate::ports::{Letter, Mail};
use crate::telemetry::Metrics;

/// Who carries letters.
pub enum Carrier {
    /// Nobody: they are kept for `/dev/mail`.
    Mailbox(Arc<Mailbox>),
    /// A mail server.
    Smtp(Arc<SmtpMail>),
}

/// See [`Mail`].
pub struct Letters {
    carrier: Carrier,
    /// Letters or texts are kept there.
    mailbox: Option<Arc<Mailbox>>,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
}

impl Letters {
    /// Letters by this carrier. `mailbox` is what is shown as kept, if anything is.
    pub fn new(carrier: Carrier, mailbox: Option<Arc<Mailbox>>, ids: Arc<dyn Ids>, metrics: Arc<Metrics>) -> Letters {
        Letters { carrier, mailbox, ids, metrics }
    }
}

impl Mail for Letters {
    /// A mail server may take seconds: the letter is carried behind the answer, so that a sign-in page neither waits nor
    /// tells by its time what became of it.
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<(), ProviderError>> {
        let message = Message {
            to: letter.to,
            subject: letter.subject,
            text: letter.text,
            code: letter.code,
            key: self.ids.next(),
        };
        match &self.carrier {
            Carrier::Mailbox(mailbox) => Box::pin(async move {
                let sent = mailbox.send(message).await;
                self.metrics.mail(if sent.is_ok() { "sent" } else { "failed" });
                sent
            }),
            Carrier::Smtp(smtp) => {
                let (smtp, metrics, key) = (smtp.clone(), self.metrics.clone(), message.key.clone());
                actix_web::rt::spawn(async move {
                    match smtp.send(message).await {
                        Ok(()) => metrics.mail("sent"),
                        Err(error) => {
                            metrics.mail("failed");
                            tracing::error!(key, %error, "a mail could not be sent");
                        }
                    }
                });
                Box::pin(std::future::ready(Ok(())))
            }
        }
    }

    fn deliver<'a>(&'a self, letter: Letter, key: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        let message = Message {
            to: letter.to,
            subject: letter.subject,
            text: letter.text,
            code: letter.code,
            key: key.to_owned(),
        };
        Box::pin(async move {
            let sent = match &self.carrier {
                Carrier::Mailbox(mailbox) => mailbox.send(message).await,
                Carrier::Smtp(smtp) => smtp.send(message).await,
            };
            self.metrics.mail(if sent.is_ok() { "sent" } else { "failed" });
            sent
        })
    }

    fn kept(&self) -> Vec<(Timestamp, Letter)> {
        let Some(mailbox) = &self.mailbox else {
            return vec![];
        };
        let open = |kept: crate::adapters::mail::Letter| {
            (kept.at, Letter { to: kept.to, subject: kept.subject, text: kept.text, code: kept.code })
        };
        mailbox.letters().into_iter().map(open).collect()
    }
}
