//! Shows TIME-WAIT: how long it lasts to the millisecond, and who may use its four-tuple again.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{Stack, TcpListener};
use synack_wire::{Options, SeqNum, Timestamps};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, settle};
use crate::pair::Family;

/// Twice the MSL of 30 s (TW-1, DEC-17).
const LASTS: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A four-tuple in TIME-WAIT since now: the far end opened, and the stack closed first.
async fn closed(family: Family, timestamps: Option<u32>) -> (Stack, FarEnd, TcpListener) {
    let (stack, mut far) = FarEnd::new(family).await;
    far.offer.timestamps = timestamps.map(|value| Timestamps { value, echo: 0 });
    let listener = stack.listen(far.host).await.unwrap();
    let mut stream = far.open(&listener).await;
    stream.shutdown().await.unwrap();
    settle().await;
    let fin = far.sent().remove(0);
    assert!(fin.segment().is_fin());
    far.takes(&fin);
    let last_ack = far.answer_to(&far.fin()).await;
    far.seq += 1;
    assert_eq!(last_ack.segment().ack, Some(far.seq));
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    drop(stream);
    settle().await;
    let held = stack.connections().await;
    assert_eq!((held.open.len(), held.time_wait), (0, 1), "the stream is no part of it");
    (stack, far, listener)
}

#[tokio::test(start_paused = true)]
async fn tw_1_time_wait_lasts_two_msl_to_the_millisecond() {
    for family in Family::BOTH {
        let (stack, far, _listener) = closed(family, None).await;
        let entered = far.now();
        far.wait_until(entered + LASTS - MILLISECOND).await;
        assert_eq!(stack.connections().await.time_wait, 1);
        // Out of the window, so that it draws an ACK (SM-SEQ-7) and leaves the time as it is.
        let mut late = far.text(b"late");
        late.segment.seq = far.seq - 4;
        let answer = far.answer_to(&late).await;
        assert_eq!(answer.segment().ack, Some(far.seq));
        far.wait_until(entered + LASTS).await;
        assert_eq!(stack.connections().await.time_wait, 0);
        let answer = far.answer_to(&late).await;
        assert!(answer.segment().is_rst(), "nobody's");
        assert_eq!(answer.segment().seq, far.ack);
    }
}

#[tokio::test(start_paused = true)]
async fn tw_2_the_fin_once_more_is_acknowledged_and_two_msl_begin_again() {
    for family in Family::BOTH {
        let (stack, far, _listener) = closed(family, None).await;
        let mut fin = far.fin();
        fin.segment.seq = far.seq - 1;
        for _ in 0..3 {
            far.silent_for(LASTS - MILLISECOND).await;
            let answer = far.answer_to(&fin).await;
            assert_eq!((answer.segment().seq, answer.segment().ack), (far.ack, Some(far.seq)));
            assert!(answer.segment().is_empty());
        }
        far.silent_for(LASTS - MILLISECOND).await;
        assert_eq!(stack.connections().await.time_wait, 1);
        far.silent_for(MILLISECOND).await;
        assert_eq!(stack.connections().await.time_wait, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn tw_3_and_tw_4_an_ack_or_a_reset_changes_nothing() {
    let (stack, far, _listener) = closed(Family::V4, None).await;
    let entered = far.now();
    far.silent_for(Duration::from_secs(30)).await;
    for packet in [far.ack(), far.rst(), far.text(b"text")] {
        assert_eq!(far.ask(&packet).await.len(), 0, "{packet}");
    }
    far.wait_until(entered + LASTS - MILLISECOND).await;
    assert_eq!(stack.connections().await.time_wait, 1);
    far.wait_until(entered + LASTS).await;
    assert_eq!(stack.connections().await.time_wait, 0);
}

/// A SYN to a four-tuple in TIME-WAIT.
struct Case {
    row: &'static str,
    /// TSval of the last segment before, if timestamps were in use, and of the SYN.
    before: Option<u32>,
    value: Option<u32>,
    /// How far SEG.SEQ is above the last number of the old connection.
    above: i32,
    is_accepted: bool,
}

const fn case(
    row: &'static str,
    [before, value]: [Option<u32>; 2],
    above: i32,
    is_accepted: bool,
) -> Case {
    Case { row, before, value, above, is_accepted }
}

const CASES: [Case; 11] = [
    case("tw_5 a later timestamp", [Some(900), Some(901)], -70_000, true),
    case("tw_5 across the wrap", [Some(u32::MAX), Some(3)], -70_000, true),
    case("tw_6 the same, and a greater ISN", [Some(900), Some(900)], 1, true),
    case("tw_6 the same, and the last number", [Some(900), Some(900)], 0, false),
    case("tw_10 an earlier timestamp", [Some(900), Some(899)], 70_000, false),
    case("tw_7 no longer timestamps, and a greater ISN", [Some(900), None], 1, true),
    case("tw_7 no longer timestamps, and the last number", [Some(900), None], 0, false),
    case("tw_8 timestamps now", [None, Some(7)], -70_000, true),
    case("tw_9 a greater ISN", [None, None], 1, true),
    case("tw_9 the last number", [None, None], 0, false),
    case("tw_10 a lesser ISN", [None, None], -1, false),
];

#[tokio::test(start_paused = true)]
async fn tw_5_to_tw_12_a_new_syn_opens_the_four_tuple_again_if_it_is_later() {
    for family in Family::BOTH {
        for Case { row, before, value, above, is_accepted } in CASES {
            let (stack, mut far, listener) = closed(family, before).await;
            let (old_seq, old_ack) = (far.seq, far.ack);
            far.silent_for(Duration::from_secs(1)).await;
            far.seq = SeqNum::new((old_seq - 1).get().wrapping_add_signed(above));
            far.offer = Options {
                mss: Some(1_000),
                timestamps: value.map(|value| Timestamps { value, echo: 0 }),
                ..Options::default()
            };
            if !is_accepted {
                let answer = far.answer_to(&far.syn()).await;
                let segment = answer.segment();
                assert!(!segment.is_syn() && !segment.is_rst(), "{row}");
                assert_eq!((segment.seq, segment.ack), (old_ack, Some(old_seq)), "{row}: DEC-3");
                assert_eq!(stack.connections().await.time_wait, 1, "{row}");
                continue;
            }
            let mut stream = far.open(&listener).await;
            assert!(far.ack - 1 > old_ack, "{row}: TW-11, a greater ISS");
            assert_eq!(stream.info().unwrap().timestamps, value.is_some(), "{row}: TW-12");
            let held = stack.connections().await;
            assert_eq!((held.open.len(), held.time_wait), (1, 0), "{row}");
            far.says(b"again");
            stream.read_exact(&mut [0; 5]).await.unwrap();
            stream.write_all(&[0; 1_000]).await.unwrap();
            settle().await;
            let sent = far.sent();
            let text = sent.iter().find(|sent| !sent.segment().payload.is_empty()).unwrap();
            let options_len = text.segment().options.encoded_len();
            assert_eq!(text.segment().payload.len() as usize, 1_000 - options_len, "{row}: TW-12");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn may_2_time_wait_resumes_when_the_syn_was_an_old_duplicate() {
    let (stack, mut far, _listener) = closed(Family::V4, None).await;
    let entered = far.now();
    let (old_seq, old_ack) = (far.seq, far.ack);
    far.silent_for(Duration::from_secs(10)).await;
    far.seq += 5_000;
    let syn_ack = far.answer_to(&far.syn()).await;
    assert!(syn_ack.segment().is_syn());
    // The far end knows nothing of it (SM-SEQN-3).
    far.seq += 1;
    assert_eq!(far.ask(&far.rst()).await.len(), 0);
    let held = stack.connections().await;
    assert_eq!((held.half_open, held.time_wait), (0, 1));
    far.seq = old_seq - 1;
    let answer = far.answer_to(&far.fin()).await;
    assert_eq!((answer.segment().seq, answer.segment().ack), (old_ack, Some(old_seq)));
    far.wait_until(entered + Duration::from_secs(10) + LASTS - MILLISECOND).await;
    assert_eq!(stack.connections().await.time_wait, 1);
}

#[tokio::test(start_paused = true)]
async fn tw_14_opening_the_four_tuple_from_our_side_waits_until_time_wait_is_over() {
    let (stack, far, listener) = closed(Family::V4, None).await;
    drop(listener);
    let entered = far.now();
    let connect = || stack.connect(far.socket).bind(far.host);
    far.wait_until(entered + LASTS - MILLISECOND).await;
    assert_eq!(connect().await.unwrap_err().kind(), ErrorKind::AddrInUse);
    far.wait_until(entered + LASTS).await;
    let mut again = Box::pin(connect());
    assert!(futures::poll!(again.as_mut()).is_pending());
    settle().await;
    let syn = far.sent().remove(0);
    assert!(syn.segment().is_syn());
    assert!(syn.segment().seq > far.ack, "TW-11");
}
