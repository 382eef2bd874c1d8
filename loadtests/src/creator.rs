//! The one on stage: signs in by the mailed code, goes live, publishes a clip, ends the show.

use std::time::Duration;

use backstage_media::participant::{
    Access, Lost, Programme, PublishError, Publisher, PublisherSettings, PublisherStats,
};
use serde_json::{Value, json};

use crate::browser::{Browser, RequestError};
use crate::scenario::Creator;
use crate::target::TargetError;

/// How long the mailed code may take.
const MAIL_MAX: Duration = Duration::from_secs(10);
const MAIL_EACH: Duration = Duration::from_millis(100);

/// Why nobody is on stage.
#[derive(Debug, thiserror::Error)]
pub enum CreatorError {
    /// The server refused a step.
    #[error("the creator: {0}")]
    Request(#[from] RequestError),
    /// There is no mailbox: the server is not in development.
    #[error(
        "the server shows no mail at /dev/mail.json: it must run in development, or take publisher.kind = \"external\""
    )]
    NoMailbox,
    /// No code came.
    #[error("no sign-in code came for {0} within 10 s")]
    NoCode(String),
    /// The media server is on another machine.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The media server cannot be reached.
    #[error("the creator cannot join: {0}")]
    Join(#[from] Lost),
    /// The media server does not take the clip.
    #[error("the creator cannot publish: {0}")]
    Publish(#[from] PublishError),
    /// A fault of ours.
    #[error("the creator's task failed")]
    Failed,
}

/// Signed in, not on air.
pub struct SignedIn {
    browser: Browser,
    experience: String,
}

/// On air.
pub struct OnAir {
    signed_in: SignedIn,
    publisher: Publisher,
}

impl SignedIn {
    /// Signs in, and looks up the experience's id on its page.
    ///
    /// # Errors
    /// When the server refuses, or shows no mail.
    pub async fn enter(browser: Browser, creator: &Creator, page: &str) -> Result<SignedIn, CreatorError> {
        let email = creator.email.as_str();
        let before = mails(&browser).await?;
        browser.get("/sign-in").await?.good()?;
        browser.form("/sign-in", &[("email", email)]).await?.good()?;
        let code = code(&browser, email, &before).await?;
        browser.form("/sign-in/code", &[("email", email), ("code", &code)]).await?.good()?;
        let shown = browser.get(page).await?.good()?;
        let experience = experience_of(&shown)?;
        Ok(SignedIn { browser, experience })
    }

    /// Goes live and publishes. Returns when the media server has taken the clip.
    ///
    /// # Errors
    /// When either refuses.
    pub async fn go_live(self, programme: Programme) -> Result<OnAir, CreatorError> {
        let path = format!("/api/v1/experiences/{}/go-live", self.experience);
        let told = self.browser.post(&path, &json!({})).await?.json()?;
        let unexpected = || RequestError::Unexpected { path: path.clone(), what: "it has no livekit.url and token" };
        let text = |name: &str| told["livekit"][name].as_str().map(str::to_owned).ok_or_else(unexpected);
        let access = Access { url: text("url")?, token: text("token")? };
        self.browser.target().allow_text(&access.url)?;
        let publisher = match publish(&access, programme).await {
            Ok(publisher) => publisher,
            Err(error) => {
                // Nobody else would end what cannot be seen.
                let _ = self.end().await;
                return Err(error);
            }
        };
        Ok(OnAir { signed_in: self, publisher })
    }

    async fn end(&self) -> Result<(), RequestError> {
        let path = format!("/api/v1/experiences/{}/end", self.experience);
        self.browser.post(&path, &json!({})).await?.good().map(|_| ())
    }
}

impl OnAir {
    /// What was sent so far.
    pub fn stats(&self) -> PublisherStats {
        self.publisher.stats()
    }

    /// Why it is off air, once that is so.
    pub fn gone(&self) -> Option<String> {
        self.publisher.gone()
    }

    /// Ends the show.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn end(self) -> Result<(), CreatorError> {
        let ended = self.signed_in.end().await;
        // The room may be closed already.
        let _ = self.publisher.leave().await;
        ended.map_err(CreatorError::from)
    }
}

/// The id on a page of the experience.
///
/// # Errors
/// When it is not there.
pub fn experience_of(page: &crate::browser::Answer) -> Result<String, RequestError> {
    let id = page.between("data-experience-id=\"", "\"").filter(|id| (1..=64).contains(&id.len()));
    let unexpected = || RequestError::Unexpected { path: page.path.clone(), what: "it shows no experience" };
    id.map(str::to_owned).ok_or_else(unexpected)
}

async fn publish(access: &Access, programme: Programme) -> Result<Publisher, CreatorError> {
    let publisher = Publisher::join(access, PublisherSettings::default()).await?;
    publisher.publish(programme).await?;
    Ok(publisher)
}

async fn mails(browser: &Browser) -> Result<Vec<Value>, CreatorError> {
    let answer = browser.get("/dev/mail.json").await?;
    if answer.status == 404 {
        return Err(CreatorError::NoMailbox);
    }
    let list = answer.json()?;
    Ok(list.as_array().cloned().unwrap_or_default())
}

/// The newest code to an address that was not there before.
async fn code(browser: &Browser, email: &str, before: &[Value]) -> Result<String, CreatorError> {
    let look = async {
        loop {
            let all = mails(browser).await?;
            let newer = all.iter().filter(|mail| mail["to"] == email && !before.contains(mail));
            if let Some(code) = newer.filter_map(|mail| mail["code"].as_str()).next() {
                return Ok(code.to_owned());
            }
            tokio::time::sleep(MAIL_EACH).await;
        }
    };
    tokio::time::timeout(MAIL_MAX, look).await.unwrap_or_else(|_| Err(CreatorError::NoCode(email.to_owned())))
}
