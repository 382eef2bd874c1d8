//! The [`Sms`] port over its adapters, and the cap on all texts of an hour.

use backstage_actors::ports::{BoxFuture, Ids, ProviderError};
use backstage_core::Timestamp;
use backstage_core::time::HOUR_MS;
use std::sync::Arc;

use crate::adapters::mail::{Mail, Mailbox, Post};
use crate::adapters::sms::{SUBJECT, Twilio};
use crate::db::Db;
use crate::ports::{Sms, Text};
use crate::telemetry::Metrics;

/// Who carries texts.
pub enum Carrier {
    /// Nobody: they are kept for `/dev/mail`.
    Mailbox(Arc<Mailbox>),
    /// Twilio.
    Twilio(Arc<Twilio>),
}

/// See [`Sms`].
pub struct Texts {
    carrier: Carrier,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
}

impl Texts {
    /// Texts by this carrier.
    pub fn new(carrier: Carrier, ids: Arc<dyn Ids>, metrics: Arc<Metrics>) -> Texts {
        Texts { carrier, ids, metrics }
    }
}

impl Sms for Texts {
    /// A provider may take seconds: the text is carried behind the answer, so that a page neither waits nor tells by its time
    /// what became of it.
    fn send(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>> {
        let Carrier::Twilio(twilio) = &self.carrier else { return self.deliver(text) };
        let (twilio, metrics) = (twilio.clone(), self.metrics.clone());
        actix_web::rt::spawn(async move {
            let _ = by_twilio(&twilio, &metrics, &text).await;
        });
        Box::pin(std::future::ready(Ok(())))
    }

    fn deliver(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            match &self.carrier {
                Carrier::Twilio(twilio) => by_twilio(twilio, &self.metrics, &text).await,
                Carrier::Mailbox(mailbox) => {
                    let (to, key) = (text.to.to_string(), self.ids.next());
                    let sent =
                        mailbox.send(Mail { to, subject: SUBJECT.into(), text: text.text, code: text.code, key }).await;
                    self.metrics.text_message(if sent.is_ok() { "sent" } else { "failed" });
                    sent
                }
            }
        })
    }
}

async fn by_twilio(twilio: &Twilio, metrics: &Metrics, text: &Text) -> Result<(), ProviderError> {
    let error = match twilio.send(&text.to, &text.text).await {
        Ok(()) => {
            metrics.text_message("sent");
            return Ok(());
        }
        Err(error) => error,
    };
    metrics.text_message("failed");
    tracing::error!(%error, "a text could not be sent");
    Err(match error.may_pass() {
        true => ProviderError::TryAgain(error.to_string()),
        false => ProviderError::Final(error.to_string()),
    })
}

/// Counts one text of this hour of UTC; `false` if `hourly_max` were sent in it. Kept in the database, so that neither a restart
/// nor a second server sends more.
pub async fn count(db: &Db, hourly_max: u32, now: Timestamp) -> Result<bool, sqlx::Error> {
    let mut writer = db.writer().await?;
    let done = sqlx::query(
        "INSERT INTO texts_sent (hour, sent) VALUES ($1, 1) \
         ON CONFLICT (hour) DO UPDATE SET sent = texts_sent.sent + 1 WHERE texts_sent.sent < $2",
    )
    .bind(now.0.div_euclid(HOUR_MS))
    .bind(i64::from(hourly_max))
    .execute(&mut *writer)
    .await?;
    Ok(done.rows_affected() == 1)
}
