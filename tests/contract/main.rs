//! One contract, three stores: what the actors were promised by `ports::Store` holds on Memory, SQLite and Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod bench;
mod kill;
mod lobby;
mod pages;
mod passes;
mod people;
mod recordings;
mod suite;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;
mod transactions;

/// Runs every promise on every store.
macro_rules! contract {
    ($($noun:ident: $($promise:ident),+ $(,)?;)+) => {
        mod memory {
            $(mod $noun { $(
                #[tokio::test]
                async fn $promise() {
                    let bench = crate::bench::Bench::memory();
                    crate::suite::$noun::$promise(&bench).await;
                }
            )+ })+
        }
        mod sqlite {
            $(mod $noun { $(
                #[tokio::test]
                async fn $promise() {
                    let bench = crate::bench::Bench::sqlite().await;
                    crate::suite::$noun::$promise(&bench).await;
                    bench.close().await;
                }
            )+ })+
        }
        mod postgres {
            $(mod $noun { $(
                #[tokio::test]
                async fn $promise() {
                    let bench = crate::bench::Bench::postgres().await;
                    crate::suite::$noun::$promise(&bench).await;
                    bench.close().await;
                }
            )+ })+
        }
    };
}

contract! {
    commits:
        what_is_committed_is_what_is_loaded,
        an_aggregate_never_committed_is_none,
        a_decision_made_on_an_old_version_is_refused_and_writes_nothing,
        a_second_first_commit_is_a_conflict,
        of_fifty_commits_on_one_version_one_wins,
        the_timeline_is_told_in_order_and_in_pieces;
    fences:
        a_second_open_stream_is_refused_while_one_is_open,
        of_many_streams_opened_at_once_one_wins,
        an_address_is_given_once_among_siblings,
        a_space_has_its_address_alone_everywhere,
        a_new_address_frees_the_old_one,
        the_first_reason_that_applies_is_given;
    settling:
        an_effect_is_settled_by_one_commit_only,
        a_message_is_settled_by_one_commit_only,
        a_timer_is_settled_at_its_exact_due_time_only,
        of_many_commits_that_settle_the_same_one_wins,
        a_refused_commit_settles_nothing,
        settling_without_a_change_may_be_repeated;
    effects:
        the_oldest_come_first_and_no_more_than_asked_for,
        a_claimed_effect_is_hidden_until_its_lease_is_over,
        released_effects_can_be_claimed_at_once_and_in_their_lane_only,
        an_effect_waits_for_the_older_ones_of_its_owner_in_its_lane,
        effects_of_one_commit_keep_their_order,
        nobody_gets_an_effect_that_another_one_claimed,
        a_failed_effect_comes_back_at_its_time_and_counts_its_attempts,
        an_effect_given_up_is_a_dead_letter_and_holds_nobody_up,
        an_effect_that_is_done_stays_done,
        the_next_due_time_is_that_of_an_effect_that_can_be_claimed,
        the_backlog_counts_what_waits_and_what_is_dead;
    timers:
        a_due_timer_stays_until_it_is_settled,
        a_timer_set_again_is_moved,
        a_timer_cancelled_and_set_in_one_commit_is_set,
        a_cancelled_timer_never_fires,
        due_timers_come_oldest_first_with_their_path;
    inbox:
        a_message_is_stored_once,
        unsettled_messages_come_oldest_first,
        a_settled_message_never_comes_back;
    streams:
        open_and_ended_streams_are_listed_with_their_path,
        a_stream_is_found_by_its_path;
}

/// Runs what only databases have on both of them.
macro_rules! sql {
    ($($noun:ident: $($promise:ident),+ $(,)?;)+) => {
        mod sql_on_sqlite {
            $(mod $noun { $(
                #[tokio::test]
                async fn $promise() {
                    let sql = crate::bench::Sql::sqlite().await;
                    crate::$noun::$promise(&sql).await;
                    sql.close().await;
                }
            )+ })+
        }
        mod sql_on_postgres {
            $(mod $noun { $(
                #[tokio::test]
                async fn $promise() {
                    let sql = crate::bench::Sql::postgres().await;
                    crate::$noun::$promise(&sql).await;
                    sql.close().await;
                }
            )+ })+
        }
    };
}

sql! {
    pages:
    spaces_and_experiences_are_found_by_their_address,
    experiences_come_in_the_order_of_their_space,
    a_team_sees_its_own_spaces_oldest_first,
    the_newest_streams_of_an_experience_come_first,
    what_is_on_comes_before_lobbies_and_the_next_to_begin,
    an_installation_keeps_its_id;
    lobby:
    a_poster_replaces_the_one_before_whose_objects_are_doomed,
    an_alert_is_told_once_of_each_stream;
    passes:
    a_pass_comes_back_as_it_was_written,
    passes_are_sorted_by_the_team_and_one_is_default,
    an_address_is_given_once_in_a_space_and_the_space_has_a_limit,
    a_grant_is_given_once_and_stays_over;
    people:
    a_person_is_found_by_what_they_proved_and_a_number_is_nobody_else,
    a_guest_becomes_one_account_and_never_that_of_another_contact,
    a_session_says_by_what_its_person_is_reached,
    a_code_is_of_one_contact_in_one_browser,
    no_more_texts_are_counted_in_an_hour_than_its_cap_however_many_ask_at_once;
    recordings:
    what_is_added_is_found_and_its_objects_are_kept,
    a_stream_has_one_recording_and_what_is_too_much_stays_doomed,
    of_many_who_add_the_same_one_wins,
    a_deleted_recording_is_seen_by_nobody_and_its_objects_are_doomed,
    title_and_rule_can_be_changed,
    a_place_is_kept_for_each_person_and_recording;
    transactions:
    what_is_dropped_or_rolled_back_never_happened,
    a_commit_given_up_half_way_happened_wholly_or_not_at_all,
    after_a_failed_statement_the_next_transaction_is_sound,
    a_closed_database_refuses;
}
