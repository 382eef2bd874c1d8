use super::*;

fn settings(name: &str) -> Settings {
    Settings {
        slug: Slug::parse("demo").unwrap(),
        name: name.into(),
        headline: String::new(),
        description: String::new(),
    }
}

fn space() -> Space {
    let event = SpaceEvent::Create {
        id: SpaceId::parse("sp").unwrap(),
        team: TeamId::parse("t").unwrap(),
        settings: settings("Demo"),
    };
    Space::begin(Timestamp(0), event).unwrap().0
}

fn experience(id: &str) -> ExperienceId {
    ExperienceId::parse(id).unwrap()
}

#[test]
fn a_name_of_a_megabyte_is_refused_and_nothing_changes() {
    let mut space = space();
    let before = space.clone();
    let event = SpaceEvent::Edit { settings: settings(&"x".repeat(1 << 20)) };
    assert_eq!(space.apply(Timestamp(1), event), Err(SpaceRejection::BadName));
    assert_eq!(space, before);
}

#[test]
fn an_experience_added_twice_stands_once() {
    let mut space = space();
    for id in ["a", "b", "a"] {
        space.apply(Timestamp(1), SpaceEvent::AddExperience { experience: experience(id) }).unwrap();
    }
    assert_eq!(space.experiences, [experience("a"), experience("b")]);
}

#[test]
fn a_new_order_must_name_the_same_experiences() {
    let mut space = space();
    for id in ["a", "b"] {
        space.apply(Timestamp(1), SpaceEvent::AddExperience { experience: experience(id) }).unwrap();
    }
    let reorder = |ids: &[&str]| SpaceEvent::Reorder { experiences: ids.iter().map(|id| experience(id)).collect() };
    assert_eq!(space.apply(Timestamp(2), reorder(&["b"])), Err(SpaceRejection::OtherExperiences));
    assert_eq!(space.apply(Timestamp(2), reorder(&["b", "b"])), Err(SpaceRejection::OtherExperiences));
    space.apply(Timestamp(2), reorder(&["b", "a"])).unwrap();
    assert_eq!(space.experiences, [experience("b"), experience("a")]);
}

#[test]
fn a_revision_of_what_somebody_else_changed_is_refused() {
    let mut space = space();
    let was = space.settings.clone();
    let revise = |was: &Settings, name: &str| SpaceEvent::Revise { was: was.clone(), settings: settings(name) };
    space.apply(Timestamp(1), revise(&was, "First")).unwrap();
    let before = space.clone();
    assert_eq!(space.apply(Timestamp(2), revise(&was, "Second")), Err(SpaceRejection::ChangedMeanwhile));
    assert_eq!(space, before);
    assert_eq!(space.apply(Timestamp(3), revise(&before.settings, "")), Err(SpaceRejection::BadName));
    space.apply(Timestamp(3), revise(&before.settings, "Second")).unwrap();
    assert_eq!(space.settings.name, "Second");
}

#[test]
fn an_order_of_experiences_is_the_creator_s_and_is_called_so() {
    let event = SpaceEvent::Reorder { experiences: vec![] };
    assert_eq!((Space::event_name(&event), Space::cause(&event)), ("reordered", "creator"));
    assert_eq!(space().apply(Timestamp(1), event), Ok(vec![]));
}
