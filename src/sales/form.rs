//! What is typed into the form of a part: text in, the part or messages out.

use super::views::{PairRow, PictureRow};
use super::{
    ANSWER_CHARS_MAX, FEATURE_TEXT_CHARS_MAX, FEATURE_TITLE_CHARS_MAX, FEATURES_MAX, Feature, Picture,
    QUESTION_CHARS_MAX, QUESTIONS_MAX, Question,
};
use crate::locale;
use crate::page::{many_lines, one_line};
use crate::poster::ALT_CHARS_MAX;
use crate::security::upload::Sent;

/// Rows of a list as typed: empty ones are left out.
fn pairs(sent: &Sent, first: &str, second: &str) -> Vec<PairRow> {
    let of = |name: &str| -> Vec<&str> {
        sent.list.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    };
    let (firsts, seconds) = (of(first), of(second));
    let count = firsts.len().max(seconds.len());
    let at = |list: &[&str], place: usize| list.get(place).copied().unwrap_or_default().to_string();
    let rows = (0..count).map(|place| PairRow::typed(at(&firsts, place), at(&seconds, place)));
    rows.filter(|row| !(row.first.trim().is_empty() && row.second.trim().is_empty())).collect()
}

/// A list that is to be shown again, each message at its row.
pub struct BadRows {
    /// As typed.
    pub rows: Vec<PairRow>,
    /// What is wrong with all of them together.
    pub message: Option<String>,
}

fn judged<T>(mut rows: Vec<PairRow>, max: usize, made: impl Fn(&mut PairRow) -> T) -> Result<Vec<T>, BadRows> {
    let all: Vec<T> = rows.iter_mut().map(made).collect();
    let message = (rows.len() > max).then(|| locale::text_with("sales.too_many", "count", max));
    if message.is_some() || rows.iter().any(|row| row.first_error.is_some() || row.second_error.is_some()) {
        return Err(BadRows { rows, message });
    }
    Ok(all)
}

/// A message if a text is empty (where it must not be) or too long.
fn wrong(text: &str, chars_max: usize, missing: Option<&str>) -> Option<String> {
    if text.chars().count() > chars_max {
        return Some(locale::text_with("sales.too_long", "count", chars_max));
    }
    missing.filter(|_| text.is_empty()).map(|key| locale::text(key).to_string())
}

/// The features, or what is wrong.
pub fn features(sent: &Sent) -> Result<Vec<Feature>, BadRows> {
    judged(pairs(sent, "title", "text"), FEATURES_MAX, |row| {
        let (title, text) = (one_line(&row.first), one_line(&row.second));
        row.first_error = wrong(&title, FEATURE_TITLE_CHARS_MAX, Some("sales.features.title_missing"));
        row.second_error = wrong(&text, FEATURE_TEXT_CHARS_MAX, None);
        Feature { title, text }
    })
}

/// The questions, or what is wrong.
pub fn questions(sent: &Sent) -> Result<Vec<Question>, BadRows> {
    judged(pairs(sent, "question", "answer"), QUESTIONS_MAX, |row| {
        let (question, answer) = (one_line(&row.first), many_lines(&row.second));
        row.first_error = wrong(&question, QUESTION_CHARS_MAX, Some("sales.faq.question_missing"));
        row.second_error = wrong(&answer, ANSWER_CHARS_MAX, Some("sales.faq.answer_missing"));
        Question { question, answer }
    })
}

/// A description for those who do not see a picture.
pub fn alt(text: &str) -> String {
    one_line(text).chars().take(ALT_CHARS_MAX).collect()
}

/// The pictures that are there, in the order and with the descriptions that were sent. Those that were not named stay at the
/// end; names that are not ours are left out.
pub fn gallery(sent: &Sent, held: &[Picture]) -> Vec<PictureRow> {
    let mut rows: Vec<PictureRow> = vec![];
    let mut described = None;
    for (field, value) in &sent.list {
        match field.as_str() {
            "picture" => {
                let known = held.iter().find(|picture| picture.name == *value);
                let twice = rows.iter().any(|row| row.name == *value);
                let new = known.filter(|_| !twice).map(PictureRow::of);
                described = new.as_ref().map(|_| rows.len());
                rows.extend(new);
            }
            "picture_alt" => {
                if let Some(row) = described.take().and_then(|place| rows.get_mut(place)) {
                    row.alt = alt(value);
                }
            }
            "remove" => {
                if let Some(row) = rows.iter_mut().find(|row| row.name == *value) {
                    row.removed = true;
                }
            }
            _ => {}
        }
    }
    let unnamed = held.iter().filter(|picture| !rows.iter().any(|row| row.name == picture.name));
    let unnamed: Vec<PictureRow> = unnamed.map(PictureRow::of).collect();
    rows.extend(unnamed);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fields: &[(&str, &str)]) -> Sent {
        let list: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Sent { texts: list.iter().cloned().collect(), list, file: None }
    }

    #[test]
    fn empty_rows_are_left_out_and_wrong_ones_are_named() {
        let long = "x".repeat(FEATURE_TEXT_CHARS_MAX + 1);
        let good = sent(&[("title", " Two  cameras "), ("text", ""), ("title", ""), ("text", " \n")]);
        assert_eq!(features(&good).ok().unwrap(), [Feature { title: "Two cameras".into(), text: String::new() }]);
        let bad = features(&sent(&[("title", ""), ("text", "alone"), ("title", "a"), ("text", &long)])).err().unwrap();
        assert!(bad.rows[0].first_error.is_some() && bad.rows[1].second_error.is_some() && bad.message.is_none());
        let many: Vec<(&str, &str)> = (0..=FEATURES_MAX).flat_map(|_| [("title", "a"), ("text", "")]).collect();
        assert!(features(&sent(&many)).err().unwrap().message.is_some());
        let bad = questions(&sent(&[("question", "Why?"), ("answer", "")])).err().unwrap();
        assert!(bad.rows[0].second_error.is_some() && bad.rows[0].first == "Why?");
    }

    #[test]
    fn pictures_are_sorted_described_and_never_invented() {
        let held: Vec<Picture> = ["a", "b", "c"].map(|name| Picture { name: name.into(), alt: String::new() }).into();
        let typed = [
            ("picture", "b"),
            ("picture_alt", " B "),
            ("picture", "b"),
            ("picture", "x"),
            ("picture", "a"),
            ("remove", "a"),
        ];
        let rows = gallery(&sent(&typed), &held);
        let names: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.alt.as_str(), row.removed)).collect();
        assert_eq!(names, [("b", "B", false), ("a", "", true), ("c", "", false)]);
    }
}
