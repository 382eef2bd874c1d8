//! Who did what to whom, for disputes: rows are added, never changed.

use backstage_core::UserId;

use crate::error::Problem;
use crate::state::State;

/// What is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Signed in by a code; the subject is the person.
    SignedIn,
    /// A session was ended; the subject is the session.
    SessionRevoked,
    /// A space was made; the subject is the space.
    SpaceCreated,
    /// A pass was made or changed; the subject is the pass.
    PassSaved,
    /// A price was made, changed or taken off the page; the subject is the price.
    PriceSaved,
    /// A refund was asked for; the subject is the order.
    OrderRefunded,
    /// An order was ended by the team; the subject is the order.
    OrderEnded,
    /// A recording was deleted; the subject is the recording.
    RecordingDeleted,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Action::SignedIn => "signed_in",
            Action::SessionRevoked => "session_revoked",
            Action::SpaceCreated => "space_created",
            Action::PassSaved => "pass_saved",
            Action::PriceSaved => "price_saved",
            Action::OrderRefunded => "order_refunded",
            Action::OrderEnded => "order_ended",
            Action::RecordingDeleted => "recording_deleted",
        }
    }
}

/// Writes it down.
pub async fn record(state: &State, actor: &UserId, action: Action, subject: &str) -> Result<(), Problem> {
    let mut tx = state.db.begin_write().await?;
    sqlx::query("INSERT INTO audit (id, at, actor, action, subject) VALUES ($1, $2, $3, $4, $5)")
        .bind(state.ids.next())
        .bind(state.clock.now().0)
        .bind(actor.as_str())
        .bind(action.as_str())
        .bind(subject)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}
