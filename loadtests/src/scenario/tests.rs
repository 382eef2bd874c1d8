use super::*;

const SMALL: &str = r#"
name = "small"
about = "a few"
[target]
space = "demo"
experience = "live"
[publisher]
kind = "external"
[[phase]]
name = "rise"
seconds = 10
viewers = 20
ramp_s = 10
[[phase]]
name = "fall"
seconds = 10
viewers = 0
ramp_s = 5
"#;

fn mistakes(text: &str) -> Vec<String> {
    match Scenario::parse(text).unwrap_err() {
        ScenarioError::Mistakes(mistakes) => mistakes,
        other => panic!("{other}"),
    }
}

#[test]
fn every_scenario_that_we_ship_can_be_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        names.push(scenario.name);
    }
    names.sort();
    assert_eq!(names, ["join_storm", "ramp", "switch_300", "switch_under_load"]);
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = r#"
name = "Big Night"
about = ""
sead = 1
[target]
space = "demo"
[publisher]
kind = "robot"
[[phase]]
name = "rise"
seconds = 0
viewers = 9999
ramp = 3
[[viewer]]
kind = "watches"
share = 40
[[viewer]]
kind = "shouts"
share = 40
[pages]
per_second = 3
[limits]
join_ms_p95 = "soon"
"#;
    let told = mistakes(text);
    for what in [
        "name may have",
        "about must be",
        "sead is not known",
        "target.experience is missing",
        "publisher.kind",
        "phase[1].seconds must be a whole number from 1 to 14400",
        "phase[1].viewers must be a whole number from 0 to 5000",
        "phase[1].ramp is not known",
        "shouts",
        "must make 100",
        "pages.per_second needs pages.paths",
        "limits.join_ms_p95",
    ] {
        assert!(told.iter().any(|one| one.contains(what)), "{what} is missing in {told:#?}");
    }
    assert_eq!(told.len(), 12, "{told:#?}");
}

#[test]
fn what_is_missing_is_named_and_what_is_no_toml_is_refused() {
    let told = mistakes("");
    assert_eq!(told.len(), 5, "name, about, target, publisher, phase: {told:#?}");
    assert!(matches!(Scenario::parse("name = ").unwrap_err(), ScenarioError::NoToml(_)));
    assert!(matches!(Scenario::read(Path::new("/no/such.toml")).unwrap_err(), ScenarioError::Unreadable { .. }));
}

#[test]
fn an_audience_rises_and_falls_evenly() {
    let scenario = Scenario::parse(SMALL).unwrap();
    let at = |s: f64| scenario.audience(Duration::from_secs_f64(s));
    assert_eq!([at(0.0), at(5.0), at(9.99)], [(0, 0), (10, 0), (20, 0)]);
    assert_eq!([at(10.0), at(12.5), at(15.0), at(25.0)], [(20, 1), (10, 1), (0, 1), (0, 1)]);
    assert_eq!((scenario.length(), scenario.viewers_max()), (Duration::from_secs(20), 20));
}

#[test]
fn shares_hold_for_any_stretch_of_viewers() {
    let kinds = "[[viewer]]\nkind = \"watches\"\nshare = 70\n[[viewer]]\nkind = \"lurks\"\nshare = 30\n";
    let scenario = Scenario::parse(&format!("{SMALL}{kinds}")).unwrap();
    for from in [0, 13, 777] {
        let lurking = (from..from + 50).filter(|n| scenario.habit(*n) == Habit::Lurks).count();
        assert!((13..=17).contains(&lurking), "{lurking} of 50 from {from}");
    }
    assert_eq!(Scenario::parse(SMALL).unwrap().habit(99), Habit::Watches);
}
