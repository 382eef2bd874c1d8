//! Every figure that a dashboard, an alert or a runbook names is really exported, and every alert has a runbook.

use backstage::telemetry::Metrics;
use backstage_actors::ports::Gauge;
use backstage_core::Timestamp;
use std::collections::BTreeSet;

const ALERTS: &str = include_str!("../../dashboards/alerts.yml");
const RUNBOOKS: &str = include_str!("../../dashboards/runbooks.md");
const OPERATORS: &str = include_str!("../../dashboards/operators.json");

/// Names of all figures in a scrape, histograms with their three parts.
fn exported() -> BTreeSet<String> {
    let metrics = Metrics::new("test", Timestamp(0)).unwrap();
    // Figures whose labels come from use are there once they were used.
    metrics.phase_changed(None, "live", "media_server");
    metrics.http("/", "GET", 200, 0.1);
    metrics.set_up("database", true);
    let text = metrics.text();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(str::to_owned)
        .collect()
}

fn named_in(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text.split(|char| !is_part(char)).filter(|word| word.starts_with("backstage_")).map(str::to_owned).collect()
}

#[test]
fn every_figure_named_is_exported() {
    let exported = exported();
    for (file, text) in [("alerts.yml", ALERTS), ("runbooks.md", RUNBOOKS), ("operators.json", OPERATORS)] {
        let missing: Vec<_> = named_in(text).into_iter().filter(|name| !exported.contains(name)).collect();
        assert!(missing.is_empty(), "{file} names {missing:?}, which the server does not export");
    }
}

#[test]
fn every_figure_exported_is_on_the_dashboard() {
    let shown = named_in(OPERATORS);
    let base =
        |name: &str| name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count").to_owned();
    let shown: BTreeSet<_> = shown.iter().map(|name| base(name)).collect();
    let hidden: Vec<_> = exported().into_iter().filter(|name| !shown.contains(&base(name))).collect();
    assert!(hidden.is_empty(), "{hidden:?} is exported, but on no panel");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<&str> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert:")).map(str::trim).collect();
    let runbooks: BTreeSet<&str> = RUNBOOKS.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(alerts.len() > 5);
    assert_eq!(alerts, runbooks);
    for alert in alerts {
        let link = format!("runbooks.md#{}\"", alert.to_lowercase());
        assert!(ALERTS.contains(&link), "{alert} does not link to its runbook");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let dashboard: serde_json::Value = serde_json::from_str(OPERATORS).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut places = BTreeSet::new();
    for panel in panels {
        assert!(!panel["title"].as_str().unwrap().is_empty());
        assert!(!panel["targets"].as_array().unwrap().is_empty());
        assert!(
            places.insert((panel["gridPos"]["x"].as_u64(), panel["gridPos"]["y"].as_u64())),
            "two panels on one place"
        );
    }
}
