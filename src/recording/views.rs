//! Pages of recordings.

use askama::Template;

use crate::experience::views::ExperiencePage;
use crate::page::{FormErrors, Moment, Page};
use crate::space::views::{Creator, SpaceRef};

/// A recording in the list.
pub struct RecordingCard {
    /// Its id.
    pub id: String,
    /// Its page.
    pub url: String,
    /// Its name.
    pub title: String,
    /// When the show was.
    pub started: Moment,
    /// How long it is, as `1:02:03`.
    pub duration: String,
    /// The same in words.
    pub duration_words: String,
    /// Picture; `None` for those who may not watch.
    pub poster: Option<String>,
    /// The visitor may not watch.
    pub locked: bool,
    /// Where the visitor goes on: as `12:03`, and percent of the whole.
    pub resume: Option<(String, i64)>,
    /// For the team: who may watch, if not as the experience says.
    pub rule: Option<&'static str>,
}

/// A recording that is not there yet, or will never be.
pub struct RecordingPending {
    /// When the show began.
    pub started: Moment,
    /// It could not be archived.
    pub failed: bool,
    /// How much of the work is done; `None`: it waits.
    pub percent: Option<u8>,
}

/// `/m/{space}/{experience}/recordings`
#[derive(Template)]
#[template(path = "recording/index.html")]
pub struct RecordingIndex {
    /// Frame.
    pub page: Page,
    /// Whose recordings.
    pub experience: ExperiencePage,
    /// Its space.
    pub space: SpaceRef,
    /// What is there, newest first.
    pub recordings: Vec<RecordingCard>,
    /// Something is on its way.
    pub is_busy: bool,
    /// What is not.
    pub pending: Vec<RecordingPending>,
    /// Letters in place of pictures.
    pub mark: String,
    /// The visitor is of the team.
    pub is_team: bool,
}

/// A recording in the player: see partials/recording.html.
pub struct RecordingPlayed {
    /// Its id.
    pub id: String,
    /// Playlist.
    pub src: String,
    /// Picture.
    pub poster_url: Option<String>,
    /// How long it is, s.
    pub duration_s: i64,
    /// Where the visitor's place is sent to; empty: it is kept in the browser only.
    pub progress_url: String,
    /// Where the visitor goes on, s; 0: at the start, or nowhere known.
    pub place_s: i64,
}

/// A stretch of a recording.
pub struct Chapter {
    /// Where it begins, s.
    pub at_s: i64,
    /// The same as `12:03`.
    pub at: String,
    /// When that was.
    pub captured: Moment,
    /// How much is missing before it, in words.
    pub missing: Option<String>,
}

/// What the team types about a recording.
pub struct RecordingForm {
    /// Name.
    pub title: String,
    /// Who may watch: `experience`, `open` or `team`.
    pub rule: String,
}

/// What the team does with a recording.
pub struct RecordingTools {
    /// Where the file is saved from.
    pub download_url: String,
    /// Its size in words.
    pub size: String,
    /// When it goes by itself.
    pub expires: Option<Moment>,
    /// The visitor may change it: the form.
    pub form: Option<RecordingForm>,
    /// What is wrong with what was typed.
    pub errors: FormErrors,
    /// Begin of the addresses that forms post to.
    pub action: String,
}

/// `/m/{space}/{experience}/recordings/{id}`
#[derive(Template)]
#[template(path = "recording/show.html")]
pub struct RecordingShow {
    /// Frame.
    pub page: Page,
    /// Of which experience.
    pub experience: ExperiencePage,
    /// Its space.
    pub space: SpaceRef,
    /// Whose it is.
    pub creator: Creator,
    /// Its id.
    pub id: String,
    /// Its name.
    pub title: String,
    /// When the show was.
    pub started: Moment,
    /// How long it is, in words.
    pub duration_words: String,
    /// The player; `None`: the visitor may not watch.
    pub recording: Option<RecordingPlayed>,
    /// Why not: `needs_pass` or `refused`.
    pub access: &'static str,
    /// Its stretches, if there is more than one.
    pub chapters: Vec<Chapter>,
    /// For the team.
    pub tools: Option<RecordingTools>,
}
