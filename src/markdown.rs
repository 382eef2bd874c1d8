//! Markdown that people typed, as HTML that is safe to show: no raw HTML, no pictures, no other addresses than of the web and
//! of mail, and no heading above those of the page.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, format_html, parse_document};
use moka::sync::Cache;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

/// Headings begin here: what is above belongs to the page.
const FIRST_HEADING: u8 = 3;
const TAGS: [&str; 18] = [
    "p",
    "br",
    "hr",
    "a",
    "strong",
    "em",
    "del",
    "ul",
    "ol",
    "li",
    "blockquote",
    "code",
    "pre",
    "h3",
    "h4",
    "h5",
    "h6",
    "span",
];

static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.render.escape = true;
    options.render.hardbreaks = true;
    options
});

static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = ammonia::Builder::empty();
    cleaner
        .tags(HashSet::from(TAGS))
        .generic_attributes(HashSet::new())
        .tag_attributes([("a", HashSet::from(["href"]))].into())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("nofollow noopener ugc"));
    cleaner
});

/// Most bytes of texts whose HTML is held in memory, both counted.
const KEPT_BYTES_MAX: u64 = 16 << 20;

/// Safe HTML of a text. The caller limits its length. Pages show the same texts again and again: what was made is kept as
/// long as there is room.
pub fn html(text: &str) -> String {
    static KEPT: LazyLock<Cache<String, Arc<str>>> = LazyLock::new(|| {
        let weigh = |text: &String, html: &Arc<str>| u32::try_from(text.len() + html.len()).unwrap_or(u32::MAX);
        Cache::builder().max_capacity(KEPT_BYTES_MAX).weigher(weigh).build()
    });
    if text.is_empty() {
        return String::new();
    }
    if let Some(html) = KEPT.get(text) {
        return html.to_string();
    }
    let html = made(text);
    KEPT.insert(text.to_string(), html.as_str().into());
    html
}

fn made(text: &str) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &OPTIONS);
    for node in root.descendants() {
        if let NodeValue::Heading(heading) = &mut node.data.borrow_mut().value {
            heading.level = heading.level.saturating_add(FIRST_HEADING - 1).min(6);
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    match format_html(root, &OPTIONS, &mut out) {
        Ok(()) => CLEANER.clean(&out).to_string(),
        Err(_) => String::new(),
    }
}

/// The beginning of a text without its Markdown, on one line, for link previews: up to `chars_max` characters.
pub fn excerpt(text: &str, chars_max: usize) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &OPTIONS);
    let mut words = String::new();
    for node in root.descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(text) => words.push_str(text),
            NodeValue::Code(code) => words.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak | NodeValue::Paragraph | NodeValue::Heading(_) => {
                words.push(' ')
            }
            _ => {}
        }
    }
    let words = crate::page::one_line(&words);
    match words.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tag is one of ours, and a link leads to the web or to mail and nowhere else.
    fn is_safe(html: &str) -> Result<(), String> {
        for tag in html.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').ok_or_else(|| format!("an open tag in {html}"))?;
            let tag = tag.trim_start_matches('/').trim_end_matches('/').trim();
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            if !TAGS.contains(&name) {
                return Err(format!("{name} in {html}"));
            }
            let Some(attributes) = Some(attributes).filter(|text| !text.is_empty()) else { continue };
            let href = attributes.strip_prefix("href=\"").and_then(|rest| rest.split_once('"'));
            let (href, rest) = match href {
                Some(found) => found,
                None if attributes == "rel=\"nofollow noopener ugc\"" => continue,
                None => return Err(format!("{attributes} in {html}")),
            };
            let known = ["http://", "https://", "mailto:"].iter().any(|scheme| href.starts_with(scheme));
            if !known && href.contains(':') || rest.trim() != "rel=\"nofollow noopener ugc\"" {
                return Err(format!("{href} {rest} in {html}"));
            }
        }
        Ok(())
    }

    #[test]
    fn words_become_html() {
        let html = html("# Hello\n\nA **bold** move, [see](https://example.com).\n\n- one\n- two");
        assert_eq!(
            html,
            "<h3>Hello</h3>\n<p>A <strong>bold</strong> move, <a href=\"https://example.com\" \
             rel=\"nofollow noopener ugc\">see</a>.</p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"
        );
        assert_eq!(super::html("two\nlines"), "<p>two<br>\nlines</p>\n");
    }

    #[test]
    fn attacks_stay_words() {
        for attack in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java\tscript:alert(1))",
            "[x](&#106;avascript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox)",
            "![x](https://tracker.test/pixel.png)",
            "[x](https://a.test \"onmouseover=alert(1)\")",
            "[x](https://a.test\"onmouseover=alert(1)//)",
            "<https://a.test/\"onclick=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
            "```js\n</code></pre><script>alert(1)</script>\n```",
            "`<script>`",
            "<!--><script>alert(1)</script>-->",
            "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
            "[a]: javascript:alert(1)\n\n[a]",
            "<style>*{display:none}</style>",
            "\u{0}<scr\u{0}ipt>alert(1)</scr\u{0}ipt>",
        ] {
            let html = html(attack);
            is_safe(&html).unwrap_or_else(|error| panic!("{attack}: {error}"));
        }
    }

    #[test]
    fn what_is_kept_is_the_same() {
        for _ in 0..2 {
            assert_eq!(html("A **bold** <b>move</b>"), made("A **bold** <b>move</b>"));
        }
        assert_eq!((html(""), made("")), Default::default());
    }

    #[test]
    fn an_excerpt_is_one_plain_line() {
        assert_eq!(excerpt("# Hi\n\nA **bold** [move](https://a.test)\nfor `all`", 80), "Hi A bold move for all");
        assert_eq!(excerpt("four words in here", 10), "four words…");
        assert_eq!(excerpt("", 10), "");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_safe(text in "([<>\\[\\]()!`*#\"'&;:/= \\n]|javascript|script|img|href|https|onerror|[a-z]){0,60}") {
            let html = html(&text);
            proptest::prop_assert!(is_safe(&html).is_ok(), "{:?}", is_safe(&html));
        }
    }
}
