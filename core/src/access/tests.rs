use super::*;
use proptest::prelude::*;

fn experience(id: &str) -> ExperienceId {
    ExperienceId::parse(id).unwrap()
}

fn grant(opens: Opens, granted: i64, expires: Option<i64>, revoked: Option<i64>) -> Grant {
    Grant {
        pass: PassId::parse("p").unwrap(),
        opens,
        granted_at: Timestamp(granted),
        expires_at: expires.map(Timestamp),
        revoked_at: revoked.map(Timestamp),
    }
}

fn asks(now: i64, rule: Rule, suspended: bool, person: &Person) -> Decision {
    let experience = experience("e");
    decide(Timestamp(now), Place { experience: &experience, rule, suspended }, person)
}

#[test]
fn a_stranger_needs_a_pass_unless_it_is_open() {
    let nobody = Person::default();
    assert_eq!(asks(5, Rule::Pass, false, &nobody), Decision::Denied(Denial::NeedsPass));
    assert_eq!(asks(5, Rule::Open, false, &nobody), Decision::Allowed { via: Via::Open, until: None });
}

#[test]
fn a_suspended_space_is_closed_to_its_own_team_too() {
    let owner = Person { role: Some(Role::Owner), grants: vec![] };
    assert_eq!(asks(5, Rule::Open, true, &owner), Decision::Denied(Denial::Suspended));
}

#[test]
fn the_denial_says_what_became_of_the_pass() {
    let held = |expires, revoked| Person { role: None, grants: vec![grant(Opens::All, 0, expires, revoked)] };
    assert_eq!(asks(5, Rule::Pass, false, &held(Some(5), None)), Decision::Denied(Denial::Expired));
    assert_eq!(asks(5, Rule::Pass, false, &held(None, Some(5))), Decision::Denied(Denial::Revoked));
}

#[test]
fn a_pass_for_another_experience_does_not_open_this_one() {
    let person = Person { role: None, grants: vec![grant(Opens::Only(vec![experience("other")]), 0, None, None)] };
    assert_eq!(asks(5, Rule::Pass, false, &person), Decision::Denied(Denial::NeedsPass));
}

fn asks_recording(rule: Rule, own: RecordingRule, suspended: bool, person: &Person) -> Option<Decision> {
    let experience = experience("e");
    decide_recording(Timestamp(5), Place { experience: &experience, rule, suspended }, own, person)
}

#[test]
fn a_recording_follows_its_experience_or_its_own_rule() {
    let nobody = Person::default();
    let holder = Person { role: None, grants: vec![grant(Opens::All, 0, Some(9), None)] };
    let viewer = Person { role: Some(Role::Viewer), grants: vec![] };
    let denied = Some(Decision::Denied(Denial::NeedsPass));
    let open = Some(Decision::Allowed { via: Via::Open, until: None });
    let by_pass = Some(Decision::Allowed { via: Via::Pass(PassId::parse("p").unwrap()), until: Some(Timestamp(9)) });
    let team = Some(Decision::Allowed { via: Via::Team(Role::Viewer), until: None });
    for (rule, own, of_nobody, of_holder) in [
        (Rule::Pass, RecordingRule::Experience, denied, by_pass),
        (Rule::Open, RecordingRule::Experience, open.clone(), open.clone()),
        (Rule::Pass, RecordingRule::Open, open.clone(), open.clone()),
        (Rule::Open, RecordingRule::Team, None, None),
    ] {
        assert_eq!(asks_recording(rule, own, false, &nobody), of_nobody, "{rule:?} {own:?}");
        assert_eq!(asks_recording(rule, own, false, &holder), of_holder, "{rule:?} {own:?}");
        assert_eq!(asks_recording(rule, own, false, &viewer), team, "{rule:?} {own:?}");
    }
}

#[test]
fn no_rule_of_a_recording_opens_a_suspended_space() {
    let owner = Person { role: Some(Role::Owner), grants: vec![] };
    for own in [RecordingRule::Experience, RecordingRule::Open, RecordingRule::Team] {
        assert_eq!(asks_recording(Rule::Open, own, true, &owner), Some(Decision::Denied(Denial::Suspended)));
        assert_eq!(RecordingRule::parse(own.as_str()), Some(own));
    }
    assert_eq!(RecordingRule::parse("all"), None);
}

prop_compose! {
    fn any_grant()(all in any::<bool>(), here in any::<bool>(), granted in 0i64..20,
                   expires in proptest::option::of(0i64..20), revoked in proptest::option::of(0i64..20)) -> Grant {
        let opens = if all { Opens::All } else { Opens::Only(if here { vec![experience("e")] } else { vec![] }) };
        grant(opens, granted, expires, revoked)
    }
}

proptest! {
    #[test]
    fn access_holds_exactly_while_some_pass_holds(grants in prop::collection::vec(any_grant(), 0..6), now in 0i64..20) {
        let e = experience("e");
        let holds = |at: i64| grants.iter().any(|g| g.opens.opens(&e) && g.granted_at.0 <= at
            && g.expires_at.is_none_or(|end| end.0 > at) && g.revoked_at.is_none_or(|end| end.0 > at));
        let person = Person { role: None, grants: grants.clone() };
        match asks(now, Rule::Pass, false, &person) {
            Decision::Allowed { until, .. } => {
                prop_assert!(holds(now));
                for at in now..until.map_or(40, |end| end.0) {
                    prop_assert!(holds(at), "promised until {:?}, gone at {}", until, at);
                }
            }
            Decision::Denied(_) => prop_assert!(!holds(now)),
        }
    }

    #[test]
    fn one_more_pass_never_takes_access_away(grants in prop::collection::vec(any_grant(), 0..5), more in any_grant(), now in 0i64..20) {
        let fewer = Person { role: None, grants: grants.clone() };
        let before = asks(now, Rule::Pass, false, &fewer);
        let mut grants = grants;
        grants.push(more);
        let after = asks(now, Rule::Pass, false, &Person { role: None, grants });
        if matches!(before, Decision::Allowed { .. }) {
            prop_assert!(matches!(after, Decision::Allowed { .. }), "was allowed, now denied");
        }
    }
}
