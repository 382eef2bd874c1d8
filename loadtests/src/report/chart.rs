//! Line charts as SVG, drawn here. Pure: text in, text out.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;
/// Marks of the phases are named if there are no more than these.
const NAMED_MAX: usize = 8;
/// A limit above so many times the highest point is not drawn.
const LIMIT_TIMES_MAX: f64 = 3.0;

/// One line; `None` makes a gap in it.
pub(super) struct Series<'a> {
    pub name: &'a str,
    /// A class of the page's style: `a` to `d`.
    pub class: &'a str,
    pub points: Vec<(f64, Option<f64>)>,
}

/// A chart.
pub(super) struct Chart<'a> {
    pub title: &'a str,
    /// Of the upright axis.
    pub unit: &'a str,
    pub series: Vec<Series<'a>>,
    /// A limit that is drawn across.
    pub limit: Option<f64>,
    /// Where phases begin.
    pub phases: &'a [(f64, String)],
    /// Of the level axis, s.
    pub length_s: f64,
}

/// Text that is safe within HTML and SVG.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// 1, 2 or 5 times a power of ten, such that there are four steps or so up to `max`.
fn step(max: f64) -> f64 {
    let rough = max / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    (factor * power).max(1.0)
}

impl Chart<'_> {
    /// The figure, with a legend.
    pub fn figure(&self) -> String {
        let values = self.series.iter().flat_map(|series| series.points.iter().filter_map(|(_, value)| *value));
        let highest = values.fold(1.0, f64::max);
        // A limit far above would press everything to the ground: then it is only told.
        let drawn = self.limit.filter(|limit| *limit <= LIMIT_TIMES_MAX * highest);
        let highest = drawn.map_or(highest, |limit| highest.max(limit));
        let step = step(highest);
        let top = (highest / step).ceil() * step;
        let length = self.length_s.max(1.0);
        let x = |s: f64| LEFT + (WIDTH - LEFT - RIGHT) * (s / length).clamp(0.0, 1.0);
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / top).clamp(0.0, 1.0);
        let title = escape(self.title);
        let mut out = format!(
            "<figure>\n<figcaption>{title}<span class=\"unit\">{}</span></figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n",
            escape(self.unit)
        );
        let steps = (top / step).round() as u32;
        for index in 0..=steps {
            let value = f64::from(index) * step;
            let (from, to, at) = (LEFT, WIDTH - RIGHT, y(value));
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{from:.1} {at:.1}H{to:.1}\"/><text class=\"up\" x=\"{:.1}\" y=\"{:.1}\">{value:.0}</text>",
                from - 8.0,
                at + 4.0
            );
        }
        let across = self::step(length);
        let mut at = 0.0;
        while at <= length {
            let _ =
                writeln!(out, "<text class=\"level\" x=\"{:.1}\" y=\"{:.1}\">{at:.0} s</text>", x(at), HEIGHT - 6.0);
            at += across;
        }
        for (begins, name) in self.phases {
            let at = x(*begins);
            let _ = writeln!(out, "<path class=\"phase\" d=\"M{at:.1} {TOP:.1}V{:.1}\"/>", HEIGHT - BOTTOM);
            if self.phases.len() <= NAMED_MAX {
                let _ = writeln!(
                    out,
                    "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    at + 4.0,
                    TOP + 9.0,
                    escape(name)
                );
            }
        }
        if let Some(limit) = drawn {
            let _ = writeln!(out, "<path class=\"limit\" d=\"M{LEFT:.1} {:.1}H{:.1}\"/>", y(limit), WIDTH - RIGHT);
        }
        for series in &self.series {
            let _ = writeln!(out, "<path class=\"line {}\" d=\"{}\"/>", series.class, line(&series.points, x, y));
        }
        out.push_str("</svg>\n<p class=\"legend\">");
        for series in &self.series {
            let _ = write!(out, "<span class=\"{}\">{}</span>", series.class, escape(series.name));
        }
        if let Some(limit) = self.limit {
            let above = if drawn.is_some() { "" } else { ", far above" };
            let _ = write!(out, "<span class=\"limit\">limit {limit:.0}{above}</span>");
        }
        out.push_str("</p>\n</figure>\n");
        out
    }
}

/// A path; a point that stands alone becomes a dot.
fn line(points: &[(f64, Option<f64>)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut out = String::new();
    let mut pen_down = false;
    for (at, value) in points {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let (word, tail) = if pen_down { ("L", "") } else { ("M", "h0.1") };
        let _ = write!(out, "{word}{:.1} {:.1}{tail}", x(*at), y(*value));
        pen_down = true;
    }
    out
}
