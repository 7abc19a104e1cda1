//! Shows which rows prose and names of tests speak of, by tables of samples: what is read, and
//! the ids of rows in it, known and unknown.

use super::*;

fn ids() -> RowIds {
    let mut ids = RowIds::default();
    for id in ["WS-1", "WS-2", "WS-3", "WS-4", "WS-7", "MUST-40", "SM-ACK-6", "SHLD-18"] {
        assert!(ids.insert(id));
    }
    ids
}

#[test]
fn an_id_is_taken_in_once() {
    let mut ids = ids();
    assert!(!ids.insert("WS-1"));
    assert!(ids.contains("WS-7") && !ids.contains("WS-5") && !ids.contains("WS"));
}

#[test]
fn prose_names_rows_and_ranges_of_them() {
    let rows: [(&str, &[&str], &[&str]); 11] = [
        ("RFC 9293 §3.8.6.3 (SHLD-18, MUST-40)", &["SHLD-18", "MUST-40"], &[]),
        ("SM-ACK-6.", &["SM-ACK-6"], &[]),
        ("WS-1..WS-4", &["WS-1", "WS-2", "WS-3", "WS-4"], &[]),
        ("WS-2 to WS-7", &["WS-2", "WS-3", "WS-4", "WS-7"], &[]),
        ("WS-2 and WS-4 WS-7", &["WS-2", "WS-4", "WS-7"], &[]),
        ("WS-2 to MUST-40", &["WS-2", "MUST-40"], &[]),
        ("WS-9", &[], &["WS-9"]),
        ("FIN-WAIT-2, I-9, UTF-8", &[], &[]),
        ("SND.WS-1", &[], &[]),
        ("TRAWS-1, xWS-1, WS-1a, WS-1_a", &[], &[]),
        ("all of it", &[], &[]),
    ];
    for (text, known, unknown) in rows {
        let named = ids().in_prose(text, &mut OpenRange::default());
        assert_eq!((named.ids, named.unknown), (strings(known), strings(unknown)), "{text}");
    }
}

#[test]
fn a_range_goes_on_behind_the_end_of_a_line() {
    let rows: [(&str, &str, &[&str]); 4] = [
        ("by WS-1 to", "WS-3.", &["WS-2", "WS-3"]),
        ("by WS-1", "to WS-3.", &["WS-2", "WS-3"]),
        ("by WS-1", "WS-3.", &["WS-3"]),
        ("by WS-1, and to", "WS-3.", &["WS-3"]),
    ];
    for (first, second, expected) in rows {
        let mut open = OpenRange::default();
        assert_eq!(ids().in_prose(first, &mut open).ids, ["WS-1"]);
        assert_eq!(ids().in_prose(second, &mut open).ids, strings(expected), "{first} {second}");
    }
}

#[test]
fn names_of_tests_begin_with_rows() {
    let rows: [(&str, &[&str], &[&str]); 13] = [
        ("must_40_ack_delay_is_below_500_ms", &["MUST-40"], &[]),
        ("sm_ack_6_it_moves", &["SM-ACK-6"], &[]),
        ("ws_1_ws_3_it_is_so", &["WS-1", "WS-3"], &[]),
        ("ws_1_and_shld_18_it_is_so", &["WS-1", "SHLD-18"], &[]),
        ("ws_1_to_4_and_must_40_it_is_so", &["WS-1", "WS-2", "WS-3", "WS-4", "MUST-40"], &[]),
        ("ws_1_to_ws_3_it_is_so", &["WS-1", "WS-2", "WS-3"], &[]),
        ("ws_1_and_7_it_is_so", &["WS-1", "WS-7"], &[]),
        ("ws_1_attack_c7_ws_3_it_is_so", &["WS-1", "WS-3"], &[]),
        ("sm_8_10_ws_1_it_is_so", &["WS-1"], &[]),
        ("ws_1_7_octets_and_ws_3", &["WS-1"], &[]),
        ("ws_9_it_is_so", &[], &["WS-9"]),
        ("it_is_so_by_ws_1", &[], &[]),
        ("rfc_2018_case_1", &[], &[]),
    ];
    for (name, known, unknown) in rows {
        let named = ids().in_name(name);
        assert_eq!((named.ids, named.unknown), (strings(known), strings(unknown)), "{name}");
    }
}

fn strings(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}
