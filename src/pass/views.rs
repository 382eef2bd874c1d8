//! Pages about passes, and a pass on a sales page.

use crate::checkout::views::PriceCard;
use crate::locale;
use crate::markdown;
use crate::page::{FormErrors, Moment, Page};
use crate::space::views::SpaceRef;
use askama::Template;
use backstage_core::access::Opens;
use backstage_core::experience::Experience;

use super::Status;
use super::store::Pass;

/// How long free access lasts, in words; `None` when it does not end.
pub fn lasts(days: Option<u16>) -> Option<String> {
    days.map(|days| match days {
        1 => locale::text("pass.lasts_one").to_string(),
        days => locale::text_with("pass.lasts", "days", days),
    })
}

/// What the visitor has to do with a pass on a sales page.
#[derive(Debug, Clone)]
pub enum Standing {
    /// May take it.
    Free,
    /// Has it, and goes in there; until when, if that is known.
    In {
        /// Where to.
        url: String,
        /// The end.
        until: Option<Moment>,
    },
    /// Had it.
    Over,
    /// May buy it.
    ForSale {
        /// The card that they have saved, as people read it.
        saved: Option<String>,
    },
    /// It has a price, but is not sold now.
    NotForSale,
}

/// A pass on a sales page.
pub struct PassCard {
    /// Address part.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// One sentence.
    pub headline: String,
    /// Several, as safe HTML.
    pub description_html: String,
    /// How long it lasts, in words.
    pub lasts: Option<String>,
    /// Opens also what is to come.
    pub opens_all: bool,
    /// Titles of what it opens, when not all.
    pub opens: Vec<String>,
    /// Seen by the team only.
    pub draft: bool,
    /// What is paid at once when there is one price.
    pub due: String,
    /// What it costs; none: it is free, or not for sale.
    pub prices: Vec<PriceCard>,
    /// What the visitor has to do with it.
    pub standing: Standing,
}

impl PassCard {
    /// Of a pass among the experiences of its space.
    pub fn of(pass: &Pass, experiences: &[Experience], prices: Vec<PriceCard>, standing: Standing) -> PassCard {
        let opened = experiences.iter().filter(|experience| pass.terms.opens.opens(&experience.id));
        PassCard {
            slug: pass.terms.slug.to_string(),
            name: pass.terms.name.clone(),
            headline: pass.terms.headline.clone(),
            description_html: markdown::html(&pass.terms.description),
            lasts: lasts(pass.terms.days),
            opens_all: pass.terms.opens == Opens::All,
            opens: opened.map(|experience| experience.settings.title.clone()).collect(),
            draft: !pass.is_published(),
            due: prices.first().map(|price| price.due.clone()).unwrap_or_default(),
            prices,
            standing,
        }
    }
}

impl PassCard {
    /// Text key of what stands in place of a price.
    pub fn free_or_not(&self) -> &'static str {
        match self.standing {
            Standing::NotForSale => "pass.not_for_sale",
            Standing::Free | Standing::In { .. } | Standing::Over | Standing::ForSale { .. } => "space.free",
        }
    }

    /// None of its prices has a piece left.
    pub fn all_sold_out(&self) -> bool {
        self.prices.iter().all(|price| price.sold_out)
    }

    /// It is sold, and nothing of it is left.
    pub fn is_sold_out(&self) -> bool {
        !self.prices.is_empty() && self.all_sold_out()
    }

    /// The visitor may take or buy it now.
    pub fn may_be_taken(&self) -> bool {
        match self.standing {
            Standing::Free => true,
            Standing::ForSale { .. } => !self.all_sold_out(),
            Standing::In { .. } | Standing::Over | Standing::NotForSale => false,
        }
    }

    /// One click is enough at every price.
    pub fn all_plain(&self) -> bool {
        self.prices.iter().all(|price| price.plain)
    }
}

/// A state of a pass as the team sees it: the locale file says label, icon and colour.
pub struct StatusBadge {
    /// `draft`, `published` or `archived`.
    pub word: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Name of the icon.
    pub icon: &'static str,
    /// Ending of the badge's class.
    pub color: &'static str,
}

impl From<Status> for StatusBadge {
    fn from(status: Status) -> StatusBadge {
        let word = status.as_str();
        let option =
            |part: &str| locale::known(&format!("pass.fields.status.options.{word}.{part}")).unwrap_or_default();
        StatusBadge { word, label: option("label"), icon: option("icon"), color: option("color") }
    }
}

/// A pass in the team's list.
pub struct PassRow {
    /// Address part.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// What only the team reads.
    pub internal_name: String,
    /// Its state.
    pub status: StatusBadge,
    /// How long it lasts, in words.
    pub lasts: Option<String>,
    /// What it costs, in words.
    pub costs: String,
    /// Selected first.
    pub is_default: bool,
    /// Cannot move forward.
    pub first: bool,
    /// Cannot move back.
    pub last: bool,
}

/// A row of "who can see what".
pub struct ReachRow {
    /// The experience.
    pub title: String,
    /// Anybody may watch.
    pub open: bool,
    /// For each pass of the list: opens it.
    pub opened_by: Vec<bool>,
    /// Its address part.
    pub slug: String,
}

/// `/studio/{space}/passes`
#[derive(Template)]
#[template(path = "pass/index.html")]
pub struct PassIndex {
    /// Frame.
    pub page: Page,
    /// Where they are.
    pub space: SpaceRef,
    /// In order.
    pub passes: Vec<PassRow>,
    /// Who can see what.
    pub reach: Vec<ReachRow>,
}

/// What is typed into the form.
#[derive(Debug, Clone, Default)]
pub struct PassForm {
    /// Name.
    pub name: String,
    /// What only the team reads.
    pub internal_name: String,
    /// Address part.
    pub slug: String,
    /// One sentence.
    pub headline: String,
    /// Several.
    pub description: String,
    /// `draft`, `published` or `archived`.
    pub status: String,
    /// Days of free access; empty has no end.
    pub days: String,
    /// Opens everything, also what is to come.
    pub opens_all: bool,
    /// Ids of what it opens otherwise.
    pub opens: Vec<String>,
}

/// An experience to toggle.
pub struct Toggle {
    /// Its id.
    pub id: String,
    /// What people read.
    pub title: String,
}

/// `/studio/{space}/passes/new` and `/studio/{space}/passes/{pass}/edit`
#[derive(Template)]
#[template(path = "pass/edit.html")]
pub struct PassEdit {
    /// Frame.
    pub page: Page,
    /// Where it is.
    pub space: SpaceRef,
    /// What was typed.
    pub form: PassForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// States to choose from.
    pub statuses: Vec<StatusBadge>,
    /// What it may open.
    pub experiences: Vec<Toggle>,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
    /// What the button says.
    pub submit: String,
}
