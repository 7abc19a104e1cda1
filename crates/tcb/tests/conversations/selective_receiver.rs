//! The receiver with SACK (SACK-1 to SACK-7): which blocks its ACKs report, and duplicates
//! (DSACK-*). Text of the far end arrives with gaps, late, and twice.

use synack_tcb::DropReason;
use synack_wire::Flags;

use crate::support::{Change, Conversation, Opener, Received, Setup};

/// The far end's text at `seq` arrives, and one line answers.
#[track_caller]
fn arrives(c: &mut Conversation, (from, to): (u32, u32), line: &str) {
    let packet = c.text_at(from, to - from);
    c.receive(packet);
    c.expect(&[line]);
}

fn with_timestamps() -> Setup {
    Setup::timestamps().offering(|options| options.sack_permitted = true)
}

#[test]
fn sack_1_the_permission_is_sent_with_syns_and_never_later() {
    let host_opens = Setup { opened_by: Opener::Host, ..Setup::default() };
    let off = |setup: Setup| setup.configured(|config| config.sack = false);
    for (case, setup, permitted) in [
        ("a SYN", host_opens.clone(), true),
        ("a SYN, configured off", off(host_opens), false),
        ("a SYN-ACK to an offer", Setup::sack(), true),
        ("a SYN-ACK to no offer", Setup::default(), false),
        ("a SYN-ACK, configured off", off(Setup::sack()), false),
    ] {
        let first = setup.begin(&mut setup.host());
        assert_eq!(first.segment.options.sack_permitted, permitted, "{case}");
        let mut c = setup.open();
        c.write(2_000);
        c.text(10);
        c.receive(c.text_at(100, 10));
        c.close();
        c.run_to(5_000);
        assert!(c.packets().iter().all(|packet| !packet.segment.options.sack_permitted));
    }
}

#[test]
fn sack_2_nothing_is_reported_to_who_did_not_permit_it() {
    for setup in [Setup::default(), Setup::sack().configured(|config| config.sack = false)] {
        let mut c = setup.open();
        arrives(&mut c, (1_001, 2_001), "[.] 1 ack 1");
        arrives(&mut c, (1_001, 2_001), "[.] 1 ack 1");
    }
}

#[test]
fn sack_3_an_option_has_four_blocks_at_most_and_three_beside_timestamps() {
    for (setup, blocks_max) in [(Setup::sack(), 4), (with_timestamps(), 3)] {
        let mut c = setup.open();
        for hole in 1..=6 {
            c.receive(c.text_at(hole * 1_000, 10));
            let packet = c.packets().remove(0);
            assert_eq!(packet.segment.options.sack.len(), blocks_max.min(hole as usize));
            assert!(packet.segment.options.encoded_len() <= 40);
        }
    }
}

#[test]
fn sack_4_every_segment_reports_while_something_is_missing() {
    let mut c = Setup::sack().open();
    arrives(&mut c, (1_001, 2_001), "[.] 1 ack 1 sack 1001:2001");
    c.write(500);
    c.expect(&["[P.] 1:501 ack 1 sack 1001:2001"]);
    c.until(300, &[(300, "[P.] 1:501 ack 1 sack 1001:2001")]);
    c.close();
    c.expect(&["[F.] 501 ack 1 sack 1001:2001"]);
    c.ack(502);
    arrives(&mut c, (1, 1_001), "[.] 502 ack 2001");
}

#[test]
fn sack_5_sack_6_sack_7_the_newest_block_first_then_those_reported_last() {
    let mut c = Setup::sack().open();
    for (text, line) in [
        ((1_001, 1_101), "[.] 1 ack 1 sack 1001:1101"),
        ((3_001, 3_101), "[.] 1 ack 1 sack 3001:3101 1001:1101"),
        ((2_001, 2_101), "[.] 1 ack 1 sack 2001:2101 3001:3101 1001:1101"),
        ((4_001, 4_101), "[.] 1 ack 1 sack 4001:4101 2001:2101 3001:3101 1001:1101"),
        // A fifth pushes the oldest out, which was reported four times.
        ((5_001, 5_101), "[.] 1 ack 1 sack 5001:5101 4001:4101 2001:2101 3001:3101"),
        // Whatever grew comes first, with all it holds now.
        ((3_101, 3_201), "[.] 1 ack 1 sack 3001:3201 5001:5101 4001:4101 2001:2101"),
        ((2_101, 3_001), "[.] 1 ack 1 sack 2001:3201 5001:5101 4001:4101 1001:1101"),
    ] {
        arrives(&mut c, text, line);
    }
    // SACK-5: a segment that moved the ACK is in no block.
    arrives(&mut c, (1, 1_001), "[.] 1 ack 1101 sack 2001:3201 5001:5101 4001:4101");
}

#[test]
fn sack_7_with_room_for_three_each_block_is_reported_three_times() {
    let mut c = with_timestamps().open();
    let mut reports = [0; 8];
    for hole in 1..=8 {
        let packet = c.text_at(hole * 1_000, 10);
        c.receive(packet);
        for block in c.only_sent().options.sack {
            reports[((block.start - c.irs) / 1_000) as usize - 1] += 1;
        }
    }
    assert_eq!(reports, [3, 3, 3, 3, 3, 3, 2, 1]);
}

#[test]
fn rfc_2018_case_1_the_last_segments_of_a_flight_are_missing() {
    let mut c = Setup::sack().open();
    for end in [501, 1_001, 1_501, 2_001] {
        arrives(&mut c, (end - 500, end), &format!("[.] 1 ack {end}"));
    }
}

#[test]
fn rfc_2018_case_2_the_first_of_eight_segments_is_missing() {
    let mut c = Setup::sack().open();
    for end in [1_001, 1_501, 2_001, 2_501, 3_001, 3_501, 4_001] {
        arrives(&mut c, (end - 500, end), &format!("[.] 1 ack 1 sack 501:{end}"));
    }
    arrives(&mut c, (1, 501), "[.] 1 ack 4001");
}

#[test]
fn rfc_2018_case_3_every_second_segment_is_missing() {
    let mut c = Setup::sack().open();
    for (text, line) in [
        ((1, 501), "[.] 1 ack 501"),
        ((1_001, 1_501), "[.] 1 ack 501 sack 1001:1501"),
        ((2_001, 2_501), "[.] 1 ack 501 sack 2001:2501 1001:1501"),
        ((3_001, 3_501), "[.] 1 ack 501 sack 3001:3501 2001:2501 1001:1501"),
        // The fourth is received, then the second.
        ((1_501, 2_001), "[.] 1 ack 501 sack 1001:2501 3001:3501"),
        ((501, 1_001), "[.] 1 ack 2501 sack 3001:3501"),
    ] {
        arrives(&mut c, text, line);
    }
}

#[test]
fn dsack_1_dsack_2_a_duplicate_is_reported_first_and_once() {
    // RFC 2883 §4.1, examples of the cumulative ACK.
    let mut c = Setup::sack().open();
    c.text(1_000);
    c.expect(&["[.] 1 ack 1001"]);
    arrives(&mut c, (1, 1_001), "[.] 1 ack 1001 sack 1:1001");
    arrives(&mut c, (201, 301), "[.] 1 ack 1001 sack 201:301");
    // Not again.
    c.text(500);
    c.expect(&["[.] 1 ack 1501"]);
    // A part of old text with new: the old part alone.
    arrives(&mut c, (1_301, 2_001), "[.] 1 ack 2001 sack 1301:1501");
}

#[test]
fn dsack_1_dsack_2_with_a_gap_the_blocks_follow() {
    // RFC 2883 §4.1.2: the duplicate lies below the ACK, and something is missing above.
    let mut c = Setup::sack().open();
    c.text(500);
    c.expect(&["[.] 1 ack 501"]);
    arrives(&mut c, (1_001, 1_501), "[.] 1 ack 501 sack 1001:1501");
    arrives(&mut c, (1, 501), "[.] 1 ack 501 sack 1:501 1001:1501");
    arrives(&mut c, (1_501, 2_001), "[.] 1 ack 501 sack 1001:2001");
}

#[test]
fn dsack_3_a_duplicate_inside_a_block_is_followed_by_that_block() {
    // RFC 2883 §4.1.3.
    let mut c = Setup::sack().open();
    arrives(&mut c, (2_001, 2_501), "[.] 1 ack 1 sack 2001:2501");
    arrives(&mut c, (1_001, 1_501), "[.] 1 ack 1 sack 1001:1501 2001:2501");
    arrives(&mut c, (1_501, 2_001), "[.] 1 ack 1 sack 1001:2501");
    arrives(&mut c, (1_501, 2_001), "[.] 1 ack 1 sack 1501:2001 1001:2501");
}

#[test]
fn dsack_2_a_segment_that_is_new_in_part_reports_the_first_part_that_is_not() {
    // RFC 2883 §4.2: above a gap, around another range, and in order.
    let mut c = Setup::sack().open();
    arrives(&mut c, (1_001, 2_001), "[.] 1 ack 1 sack 1001:2001");
    arrives(&mut c, (501, 1_501), "[.] 1 ack 1 sack 1001:1501 501:2001");
    arrives(&mut c, (2_501, 3_001), "[.] 1 ack 1 sack 2501:3001 501:2001");
    arrives(&mut c, (1_801, 3_201), "[.] 1 ack 1 sack 1801:2001 501:3201");
    arrives(&mut c, (1, 701), "[.] 1 ack 3201 sack 501:701");
    // Below what is acknowledged, and again above a gap: the first.
    arrives(&mut c, (3_301, 3_401), "[.] 1 ack 3201 sack 3301:3401");
    arrives(&mut c, (3_101, 3_501), "[.] 1 ack 3501 sack 3101:3201");
}

#[test]
fn dsack_1_duplicates_of_before_the_window_are_not_reported() {
    // A number so old that no one sent it lately may be forged; the option is not for it.
    let mut c = Setup::sack().open();
    c.text(1_000);
    c.packets();
    let ancient = c.text_at(1, 10).with(|segment| segment.seq = c.irs + 1_001 - 100_000);
    assert_eq!(c.receive(ancient), Received::Refused(c.id, DropReason::Duplicate));
    c.expect(&["[.] 1 ack 1001"]);
}

#[test]
fn sack_4_a_held_fin_is_no_octet_of_a_block() {
    let mut c = Setup::sack().open();
    let packet = c.text_at(1_001, 500).with_control(Flags::FIN);
    c.receive(packet);
    c.expect(&["[.] 1 ack 1 sack 1001:1501"]);
    arrives(&mut c, (1, 1_001), "[.] 1 ack 1502");
}

#[test]
fn dsack_1_a_probe_of_old_text_is_reported_as_the_octet_it_is() {
    let mut c = Setup::sack().open();
    c.text(100);
    c.packets();
    arrives(&mut c, (100, 101), "[.] 1 ack 101 sack 100:101");
}
