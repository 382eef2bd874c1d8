//! Finds a site's pages and forms by following its links, as a stranger with time would.

use crate::browser::{Answer, Browser};
use scraper::{ElementRef, Html, Selector};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Pages of one walk.
const PAGES_MAX: usize = 600;

/// One field of a form, as a browser would send it.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    /// What the form proposes, or something that it takes.
    pub value: String,
    /// A text is typed here, or a program could put one.
    pub free: bool,
    /// An address part that is taken once.
    pub slug: bool,
    /// Nobody sees it: the page says it.
    pub hidden: bool,
}

/// A form that posts.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it was found.
    pub page: String,
    pub action: String,
    pub multipart: bool,
    pub fields: Vec<Field>,
}

pub fn select<'a>(html: &'a Html, what: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(what).unwrap()).collect()
}

/// Every form of a page that posts.
pub fn forms(page: &str, body: &str) -> Vec<Form> {
    let html = Html::parse_document(body);
    let posting = select(&html, "form")
        .into_iter()
        .filter(|form| form.value().attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")));
    posting.map(|form| of(page, form)).chain(sorted(page, &html)).collect()
}

/// What script posts for a list that is sorted by dragging: the names of its items, first one first.
fn sorted(page: &str, html: &Html) -> Vec<Form> {
    let list = |list: ElementRef<'_>| {
        let action = list.value().attr("data-sort-url-value")?.to_string();
        let item = Selector::parse("[data-sort-id]").unwrap();
        let items = list.select(&item).map(|item| item.value().attr("data-sort-id").unwrap_or_default().to_string());
        let field = |value| Field { name: "item".into(), value, free: true, slug: false, hidden: true };
        Some(Form { page: page.into(), action, multipart: false, fields: items.map(field).collect() })
    };
    select(html, "[data-sort-url-value]").into_iter().filter_map(list).collect()
}

fn of(page: &str, form: ElementRef<'_>) -> Form {
    let mut fields: Vec<Field> = vec![];
    for element in form.select(&Selector::parse("input[name], textarea[name], select[name], button[name]").unwrap()) {
        let attr = |name: &str| element.value().attr(name).unwrap_or_default().to_string();
        let (name, kind) = (attr("name"), attr("type"));
        if name == "csrf" || kind == "file" {
            continue;
        }
        let known = fields.iter().any(|field| field.name == name);
        let tag = element.value().name();
        let (value, free) = match (tag, kind.as_str()) {
            ("input", "radio") => {
                let chosen = element.value().attr("checked").is_some();
                if chosen {
                    fields.retain(|field| field.name != name);
                } else if known {
                    continue;
                }
                (attr("value"), false)
            }
            ("input", "checkbox") if element.value().attr("checked").is_none() => continue,
            ("input", "checkbox") => (attr("value"), false),
            ("button", _) if known => continue,
            ("button", _) => (attr("value"), false),
            ("select", _) => {
                let first = element.select(&Selector::parse("option").unwrap()).next();
                (first.and_then(|option| option.value().attr("value")).unwrap_or_default().to_string(), false)
            }
            ("textarea", _) => (element.text().collect(), true),
            _ => (attr("value"), true),
        };
        let slug = free && attr("pattern").starts_with("[a-z0-9]");
        let value = match (value.is_empty() && element.value().attr("required").is_some(), kind.as_str()) {
            (false, _) => value,
            (true, "email") => "someone@example.com".into(),
            (true, "number") => Some(attr("min")).filter(|min| !min.is_empty()).unwrap_or_else(|| "1".into()),
            (true, _) => "plain".into(),
        };
        fields.push(Field { name, value, free, slug, hidden: kind == "hidden" });
    }
    let attr = |name: &str| form.value().attr(name).unwrap_or_default().to_string();
    let action = Some(attr("action")).filter(|action| !action.is_empty()).unwrap_or_else(|| page.to_string());
    Form { page: page.into(), action, multipart: attr("enctype") == "multipart/form-data", fields }
}

impl Form {
    /// What makes it another form than one with other ids in its address.
    pub fn sends_text(&self) -> bool {
        self.fields.iter().any(|field| field.free)
    }

    /// As it stands on its page now: what is saved against the version that was read is refused with an older one.
    async fn fresh(&self, browser: &mut Browser) -> Option<Form> {
        self.fields.iter().find(|field| field.name == "version")?;
        let page = browser.get(&self.page).await;
        forms(&self.page, &page.body).into_iter().find(|form| form.action == self.action)
    }

    /// Posts it with these values instead of the proposed ones.
    pub async fn post(&self, browser: &mut Browser, csrf: &str, instead: &[(&str, &str)]) -> Answer {
        let fresh = self.fresh(browser).await;
        let version = fresh.iter().flat_map(|form| &form.fields).find(|field| field.name == "version");
        let version = version.map(|field| ("version", field.value.as_str()));
        let instead: Vec<(&str, &str)> = instead.iter().copied().chain(version).collect();
        let value = |field: &Field| {
            let own = instead.iter().find(|(name, _)| *name == field.name);
            own.map_or_else(|| field.value.clone(), |(_, value)| value.to_string())
        };
        let fields: Vec<(String, String)> = [("csrf".to_string(), csrf.to_string())]
            .into_iter()
            .chain(self.fields.iter().map(|field| (field.name.clone(), value(field))))
            .collect();
        if self.multipart {
            let part = |(name, value): &(String, String)| {
                format!("--attacks\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let body = fields.iter().map(part).collect::<String>() + "--attacks--\r\n";
            let kind = ("content-type", "multipart/form-data; boundary=attacks");
            return browser.send("POST", &self.action, &[kind], body.into_bytes()).await;
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        browser.send("POST", &self.action, &[kind], body.into_bytes()).await
    }
}

/// Every page that links lead to, from these on.
pub async fn walk(browser: &mut Browser, from: &[&str]) -> BTreeMap<String, Answer> {
    let mut queue: VecDeque<String> = from.iter().map(ToString::to_string).collect();
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    let mut pages = BTreeMap::new();
    while let Some(path) = queue.pop_front() {
        if pages.len() >= PAGES_MAX {
            break;
        }
        let answer = browser.get(&path).await;
        let mut found = vec![answer.header("location").to_string()];
        if answer.header("content-type").starts_with("text/html") {
            let html = Html::parse_document(&answer.body);
            found.extend(
                select(&html, "a[href]").iter().filter_map(|link| link.value().attr("href").map(str::to_string)),
            );
        }
        for link in found {
            let link = link.split('#').next().unwrap_or_default().to_string();
            if link.starts_with('/') && !link.starts_with("//") && seen.insert(link.clone()) {
                queue.push_back(link);
            }
        }
        pages.insert(path, answer);
    }
    pages
}
