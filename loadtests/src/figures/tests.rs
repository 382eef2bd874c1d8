use super::*;

#[tokio::test]
async fn a_second_tells_of_itself_only_and_totals_of_all() {
    let figures = Figures::default();
    (1..=100).for_each(|n| figures.page(Duration::from_millis(n)));
    figures.came();
    figures.watches(None, Some(Delivery::Webrtc));
    figures.error("slow_down", "429");
    let first = figures.second(1);
    assert_eq!((first.pages_ms_p50, first.pages_ms_p99, first.errors), (Some(50), Some(99), 1));
    assert_eq!((first.here, first.webrtc, first.hls), (1, 1, 0));
    figures.watches(Some(Delivery::Webrtc), Some(Delivery::Hls));
    figures.left(0);
    let second = figures.second(0);
    assert_eq!((second.pages_ms_p50, second.errors, second.here, second.hls), (None, 0, 0, 1));
    let totals = figures.totals();
    assert_eq!((totals.pages.count(), totals.errors(), totals.came), (100, 1, 1));
    assert_eq!(totals.join.percentile(95.0), None);
}

#[tokio::test]
async fn a_move_is_within_the_time_of_nineteen_in_twenty() {
    let figures = Figures::default();
    (0..20).for_each(|viewer| figures.told_to_move(viewer));
    (0..18).for_each(|viewer| figures.moved(viewer, Duration::from_millis(5), 33));
    assert_eq!((figures.totals().moved_within_ms, figures.totals().behind), (None, 2));
    figures.moved(18, Duration::from_millis(5), 33);
    assert!(figures.totals().moved_within_ms.is_some());
    figures.left(19);
    assert_eq!(figures.totals().behind, 0, "who left is not left behind");
    figures.told_to_move(20);
    figures.told_to_stay(20);
    assert_eq!((figures.totals().told, figures.totals().behind), (20, 0));
}

#[tokio::test]
async fn kinds_of_errors_are_bounded() {
    let figures = Figures::default();
    (0..200).for_each(|n| figures.error(&format!("kind {n}"), &"x".repeat(999)));
    let errors = figures.totals().errors;
    assert_eq!((errors.len(), errors["others"].count), (51, 150));
    assert!(errors.values().all(|one| one.example.len() <= 200));
}
