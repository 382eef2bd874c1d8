//! The parts of a sales page, as visitors see them and as forms.

use askama::Template;
use std::collections::BTreeMap;

use super::parts::{Parts, logo_url};
use super::{FEATURES_MAX, Feature, GALLERY_MAX, Part, Picture, QUESTIONS_MAX, categories};
use crate::locale;
use crate::markdown;
use crate::page::Page;
use crate::poster::Poster;
use crate::space::views::SpacePage;

/// A question on the page.
pub struct QuestionView {
    /// The question.
    pub question: String,
    /// The answer as safe HTML.
    pub answer_html: String,
}

/// A logo on a page.
#[derive(Debug, Clone)]
pub struct Logo {
    /// Its address.
    pub url: String,
    /// What it shows.
    pub alt: String,
}

impl Logo {
    /// The logo of a picture.
    pub fn of(picture: &Picture) -> Logo {
        Logo { url: logo_url(&picture.name), alt: picture.alt.clone() }
    }
}

/// What a page says; templates call it `sales`.
pub struct SalesView {
    /// Name of the category; empty without one.
    pub category: String,
    /// In order.
    pub features: Vec<Feature>,
    /// In order.
    pub faq: Vec<QuestionView>,
    /// The wide picture.
    pub cover: Option<Poster>,
    /// The small one.
    pub logo: Option<Logo>,
    /// In order.
    pub gallery: Vec<Poster>,
    versions: BTreeMap<Part, String>,
}

impl SalesView {
    /// Of what is stored; with `versions` for those who may edit.
    pub fn of(parts: &Parts, versions: BTreeMap<Part, String>) -> SalesView {
        let poster = |picture: &Picture| Poster::of(&picture.name, picture.alt.clone());
        let category = match parts.category.as_str() {
            "" => String::new(),
            key => locale::text(&format!("categories.{key}")).to_string(),
        };
        let shown = |pair: &super::Question| QuestionView {
            question: pair.question.clone(),
            answer_html: markdown::html(&pair.answer),
        };
        SalesView {
            category,
            features: parts.features.clone(),
            faq: parts.faq.iter().map(shown).collect(),
            cover: parts.cover.as_ref().map(poster),
            logo: parts.logo.as_ref().map(Logo::of),
            gallery: parts.gallery.iter().map(poster).collect(),
            versions,
        }
    }

    /// The version of a part; empty for those who may not edit.
    pub fn version(&self, part: &str) -> &str {
        Part::parse(part).and_then(|part| self.versions.get(&part)).map_or("", String::as_str)
    }
}

/// One row of a list with two texts in each.
#[derive(Debug, Clone, Default)]
pub struct PairRow {
    /// Title or question.
    pub first: String,
    /// Text or answer.
    pub second: String,
    /// What is wrong with the first.
    pub first_error: Option<String>,
    /// What is wrong with the second.
    pub second_error: Option<String>,
}

impl PairRow {
    /// As typed.
    pub fn typed(first: String, second: String) -> PairRow {
        PairRow { first, second, ..PairRow::default() }
    }
}

/// A picture of the gallery in its form.
#[derive(Debug, Clone)]
pub struct PictureRow {
    /// Its name.
    pub name: String,
    /// Address of the picture 640 pixels wide.
    pub small: String,
    /// What it shows.
    pub alt: String,
    /// Ticked to go.
    pub removed: bool,
}

impl PictureRow {
    /// As it is.
    pub fn of(picture: &Picture) -> PictureRow {
        let small = Poster::of(&picture.name, String::new()).small;
        PictureRow { name: picture.name.clone(), small, alt: picture.alt.clone(), removed: false }
    }
}

/// A category to choose.
pub struct Choice {
    /// Its key.
    pub key: &'static str,
    /// What people read.
    pub label: &'static str,
}

/// The form of a part; templates call it `form`. Fields that the part has not are empty.
#[derive(Default)]
pub struct PartForm {
    /// Name of the part.
    pub part: &'static str,
    /// The version that it was filled in with.
    pub version: String,
    /// In place on the sales page; otherwise among the others on the page of all fields.
    pub inline: bool,
    /// What is wrong with the whole of it, or with its only field.
    pub error: Option<String>,
    /// What is wrong with the name.
    pub name_error: Option<String>,
    /// Who changed the part meanwhile: the newest is shown beside the form.
    pub changed_by: Option<String>,
    /// Name of the space.
    pub name: String,
    /// One sentence.
    pub headline: String,
    /// Several.
    pub description: String,
    /// Key of the category.
    pub category: String,
    /// Features or questions, empty rows at the end.
    pub rows: Vec<PairRow>,
    /// Pictures of the gallery.
    pub pictures: Vec<PictureRow>,
    /// What the picture of cover or logo shows, or a new one of the gallery.
    pub alt: String,
    /// There is a picture.
    pub has_picture: bool,
}

/// Empty rows of a form without script.
const BLANK_ROWS: usize = 3;

impl PartForm {
    /// Most rows of the list.
    pub fn rows_max(&self) -> usize {
        if self.part == Part::Features.as_str() { FEATURES_MAX } else { QUESTIONS_MAX }
    }

    /// An empty row.
    pub fn blank(&self) -> PairRow {
        PairRow::default()
    }

    /// The gallery has room.
    pub fn has_room(&self) -> bool {
        self.pictures.len() < GALLERY_MAX
    }

    /// What the category may be.
    pub fn choices(&self) -> Vec<Choice> {
        let all = categories().iter();
        all.map(|key| Choice { key, label: locale::known(&format!("categories.{key}")).unwrap_or(key) }).collect()
    }

    /// With empty rows to type into: one in place, where more can be had, some on a page that works without script.
    pub fn with_blanks(mut self) -> PartForm {
        let blanks = if self.inline { usize::from(self.rows.is_empty()) } else { BLANK_ROWS };
        let wanted = (self.rows.len() + blanks).min(self.rows_max().max(self.rows.len()));
        self.rows.resize_with(wanted, PairRow::default);
        self
    }
}

/// A part alone, as a page takes it in.
#[derive(Template)]
#[template(path = "space/parts/_view.html")]
pub struct PartShow {
    /// Words and token.
    pub page: Page,
    /// The space.
    pub space: SpacePage,
    /// What the page says.
    pub sales: SalesView,
    /// Always so here.
    pub may_edit: bool,
    /// Which part.
    pub part: &'static str,
}

/// The form of a part alone.
#[derive(Template)]
#[template(path = "space/parts/_form.html")]
pub struct PartEdit {
    /// Words and token.
    pub page: Page,
    /// The space.
    pub space: SpacePage,
    /// What the page says now.
    pub sales: SalesView,
    /// So that the newest is shown without its own pencil.
    pub may_edit: bool,
    /// The form.
    pub form: PartForm,
}
