//! Faults that transports of this kind have had, each with the test that fails when it comes back, or with the reason why
//! it cannot.

use std::{fs, path::Path};

use Kept::{By, Never};

enum Kept {
    /// The name of a test.
    By(&'static str),
    /// Why it cannot happen.
    Never(&'static str),
}

#[rustfmt::skip]
const CORRECTNESS: &[(&str, Kept)] = &[
    ("a path that was not normalised panics under a lock", By("every_way_in_normalises")),
    ("a panic poisons a lock", Never("the locks of the model cannot be poisoned, and nothing is called under them")),
    ("prefixes are compared in characters by their length in bytes", By("prefixes_of_any_script_match_whole_segments")),
    ("prefixes that overlap or repeat announce twice", By("prefixes_that_overlap_announce_once")),
    ("the unread last group is lost", By("the_unread_last_group_is_not_lost_when_the_track_is_closed")),
    ("readers of a dropped request hang", By("readers_of_a_request_that_is_dropped_are_told_and_may_ask_again")),
    ("publishing a track leaves those who asked for it behind", By("publishing_a_track_ends_the_wait_of_those_who_asked_for_it")),
    ("a track that ended is handed out again, or its end removes a newer one", By("a_request_that_ended_is_not_handed_out_again")),
    ("the end of a stream inside a value is waited out for ever", By("an_end_inside_a_value_is_an_error_and_not_waited_out")),
    ("a body shorter than its fields waits for bytes of the next message", By("a_body_that_ends_too_early_is_refused_and_never_waited_for")),
    ("codes of the peer are lost", By("the_reason_of_an_aborted_track_reaches_its_readers")),
    ("a value that does not fit panics", By("a_number_that_does_not_fit_is_an_error_and_not_a_panic")),
    ("the code of an application overflows", By("error_codes_are_those_of_the_wire")),
    ("writing after an end panics", By("writing_to_an_ended_group_is_an_error_for_every_clone")),
    ("arithmetic on times panics", By("times_round_towards_zero_and_never_wrap")),
    ("the end of a session has no reason", By("closing_a_session_tells_the_peer_why")),
    ("a stream that waits behind others is never promoted", Never("the send order is computed from the stream alone")),
    ("late groups are refused, or one is lost that comes right after a newer one", By("late_groups_come_in_the_order_of_arrival_and_never_through_next_group")),
    ("a group that comes twice is delivered twice", By("a_group_that_comes_twice_is_refused_as_old")),
    ("groups that nobody reads yet are cancelled", By("a_group_that_nobody_reads_yet_is_kept")),
    ("the reader of a group that was let go waits for ever", By("the_reader_of_an_expired_group_is_woken_with_an_error")),
    ("a finished group loses its clean end with age", By("a_finished_group_that_was_read_keeps_its_clean_end")),
    ("one reader that stands still keeps what the track let go", By("a_reader_that_stands_still_does_not_keep_what_the_track_let_go")),
    ("the end of a broadcast ends tracks of others", By("published_and_served_tracks_outlive_their_broadcast")),
    ("a producer that vanished looks like an orderly end", By("an_abort_and_a_silent_drop_come_after_the_unread_groups")),
    ("groups that overtake the answer to their subscription are lost", By("groups_may_overtake_the_answer")),
    ("the same in moq-transport", By("groups_that_precede_the_answer_are_held")),
    ("leaving is not said in moq-transport", By("leaving_is_said_and_refusals_reach_the_reader")),
    ("objects of higher subgroups are taken for the group", By("a_group_without_its_start_or_of_a_higher_subgroup_is_left_out")),
    ("an empty namespace has one part", By("an_empty_path_has_no_parts")),
    ("a slash inside a part of a namespace splits it", By("a_slash_inside_a_part_stays_inside")),
    ("the priority of moq-transport, where the lowest is the first, is taken as it is", By("priority_and_range_are_told_while_a_subscription_runs")),
    ("a subscription is written before its number is known here", By("groups_may_overtake_the_answer")),
    ("a broadcast is announced before its tracks can be asked for", Never("requests wait in the broadcast itself, from the moment that it is made, until whoever announced it takes them")),
    ("publishers outlive the session", By("a_session_that_ends_leaves_nothing_in_the_origins")),
];

#[rustfmt::skip]
const PRIORITIES: &[(&str, Kept)] = &[
    ("the most urgent stream goes last", By("urgent_tracks_and_newer_groups_are_sent_first_and_requests_before_all")),
    ("group numbers weigh one track against another", By("priority_then_subscription_then_the_newer_group")),
    ("requests and announcements wait behind media", By("urgent_tracks_and_newer_groups_are_sent_first_and_requests_before_all")),
    ("every new stream touches the order of all others", Never("there is no queue: the transport sorts by a number")),
];

#[rustfmt::skip]
const MEMORY: &[(&str, Kept)] = &[
    ("every frame costs a channel", Never("a frame that is written whole is plain data of its group")),
    ("a frame of tiny chunks costs many times its size", By("a_frame_of_tiny_chunks_is_few_chunks_in_memory")),
    ("a small frame keeps the buffer of the packets that it came in", By("a_piece_of_a_packet_does_not_keep_its_buffer")),
    ("a stream is read into buffers that grow from 64 bytes", Never("chunks are taken as the transport has them; only a value that straddles two is put together")),
    ("payload is copied on its way through a session", By("frames_arrive_byte_for_byte_and_large_ones_are_not_copied")),
    ("a size that the peer declares is allocated", By("frames_of_the_largest_group_are_taken_and_larger_ones_stopped")),
    ("a message may be of any length", By("a_length_beyond_all_reason_is_refused_at_once")),
    ("a group may have any number of frames", By("a_group_of_too_many_frames_is_stopped")),
    ("the newest group ages", By("the_newest_group_is_kept_however_old_it_is")),
    ("older groups take any number of bytes", By("older_groups_take_no_more_bytes_than_allowed")),
    ("bytes that are written to older groups do not count", By("older_groups_that_go_on_growing_take_no_more_bytes_than_allowed")),
    ("payload is freed under a lock", By("whoever_owns_payload_may_use_the_track_when_it_is_freed")),
    ("what was let go goes on counting", By("what_is_let_go_no_longer_counts")),
    ("tracks wait for a lock of all tracks", Never("each track counts for itself, and a frame takes the lock of its group only")),
    ("an idle track keeps its past for ever", Never("it is bounded by `Track::MAX_BYTES`; the model has no clock that runs by itself")),
    ("an aborted track is kept by a reader that never reads", Never("what was written before an end can be read; it is bounded as the past of a track is")),
    ("each name that was asked for once leaves an entry", By("names_that_were_asked_for_once_are_forgotten")),
    ("requests that were given up keep others out", By("requests_that_were_given_up_leave_room_for_others")),
    ("empty places of an origin remain", Never("an origin holds paths that have a broadcast, and no tree above them")),
    ("a slow reader of announcements makes a queue", By("changes_that_were_undone_before_they_were_read_are_left_out")),
    ("a flood of announcements fills memory", By("a_flood_of_announcements_ends_the_session")),
    ("each reader of announcements copies the paths of all", Never("the paths are shared, and a new reader goes through them a few at a time; benches/transport measures it with 10,000")),
    ("publishing holds one lock for a descent of a tree and the news of all", Never("there is no tree: an entry is made and each reader has a note of it")),
    ("more streams are allowed than are of use", Never("4096 for groups and 1024 for requests, fewer than the 10,000 of the relays in the field")),
    ("each broadcast of an origin costs a task", Never("the model spawns nothing: a broadcast that ends takes itself out")),
    ("only two groups of a track are served", By("groups_that_cannot_be_sent_in_time_are_given_up_for_the_newest")),
];

#[rustfmt::skip]
const SESSIONS: &[(&str, Kept)] = &[
    ("a dropped session stays connected", By("dropping_a_session_closes_the_transport_in_order")),
    ("connecting waits for announcements that never come", By("a_server_that_never_announces_leaves_the_session_usable")),
    ("a silent peer holds the exchange of versions for ever", By("a_silent_peer_is_given_up_after_ten_seconds")),
    ("one stream that says nothing holds up the others", By("a_stream_that_says_nothing_holds_up_no_other")),
    ("asking for what may not be seen ends the session", By("what_may_not_be_seen_is_an_empty_set")),
    ("the end of an unknown broadcast ends the session", By("an_end_of_what_was_never_announced_is_passed_over")),
    ("a refused announcement stream ends the session", By("announcements_may_be_refused_with_any_code")),
    ("the same in moq-transport", By("announcements_that_are_refused_end_nothing")),
    ("a stream that is reset before its first byte ends the session", By("a_stream_that_is_reset_before_its_first_byte_ends_alone")),
    ("a probe ends the session", By("a_probe_is_answered_when_there_is_something_to_tell")),
    ("a stream of an unknown type ends the session", By("streams_of_unknown_types_are_stopped_and_nothing_else")),
    ("a subscription outlives its last reader", By("leaving_reaches_the_publisher")),
    ("who left goes on to count in what is asked for", By("together_readers_want_what_suffices_for_each")),
    ("readers of one track make a subscription each", By("two_readers_of_a_track_share_one_subscription")),
    ("leaving wins over an answer that is there already", By("the_end_of_a_track_comes_after_groups_that_were_not_looked_at_yet")),
    ("a stream that finished is reset when it is dropped", By("a_writer_that_finished_resets_nothing_when_it_is_dropped")),
    ("tracks end without the reason of their session", By("a_session_whose_connection_breaks_ends_with_its_broadcasts_and_tracks")),
];

#[test]
fn every_fault_is_kept_away_by_a_test_or_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = String::new();
    for folder in ["src/moq_lite", "tests"] {
        read(&root.join(folder), &mut source);
    }
    let all = [CORRECTNESS, PRIORITIES, MEMORY, SESSIONS];
    for (fault, kept) in all.into_iter().flatten() {
        match kept {
            By(test) => assert!(
                source.contains(&format!("fn {test}(")),
                "{fault}: no {test}"
            ),
            Never(reason) => assert!(reason.contains(' '), "{fault}"),
        }
    }
}

/// All Rust source below a folder.
fn read(folder: &Path, source: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            read(&path, source);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&fs::read_to_string(&path).expect("text"));
        }
    }
}
