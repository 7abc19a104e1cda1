//! Shows when a connection gives a silent peer up: by keep-alive, by the user timeout, by neither.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{KeepAlive, Stack, State, TcpStream};
use synack_wire::Flags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, Sent, settle};
use crate::pair::Family;

/// A connection that the far end opened.
async fn opened(family: Family) -> (Stack, FarEnd, TcpStream) {
    let (stack, mut far) = FarEnd::new(family).await;
    let listener = stack.listen(far.host).await.unwrap();
    let stream = far.open(&listener).await;
    (stack, far, stream)
}

fn moments(sent: &[Sent]) -> Vec<Duration> {
    sent.iter().map(|sent| sent.at).collect()
}

/// Two hours, and each 75 seconds after it (KA-2, KA-3, KA-4).
fn probes_after(heard: Duration) -> Vec<Duration> {
    (0..10).map(|probe| heard + Duration::from_secs(7_200 + 75 * probe)).collect()
}

/// The probes of keep-alive, and the reset that follows the last: what left since `heard`.
fn assert_probed_to_death(far: &FarEnd, heard: Duration) {
    let sent = far.sent();
    let (reset, probes) = sent.split_last().unwrap();
    assert_eq!(moments(probes), probes_after(heard));
    for probe in probes {
        let segment = probe.segment();
        assert_eq!((segment.seq, segment.ack), (far.ack - 1, Some(far.seq)), "KA-5");
        assert_eq!((segment.len(), segment.flags()), (0, Flags::ACK));
    }
    assert_eq!(reset.at, heard + Duration::from_secs(7_950));
    assert!(reset.segment().is_rst());
    assert_eq!(reset.segment().seq, far.ack);
}

#[tokio::test(start_paused = true)]
async fn attack_f4_keep_alive_ends_a_connection_7950_seconds_after_the_last_octet_to_the_ms() {
    for family in Family::BOTH {
        let (stack, mut far, mut stream) = opened(family).await;
        stream.set_keepalive(Some(KeepAlive::default())).unwrap();
        far.wait_until(Duration::from_millis(17_003)).await;
        far.says(b"last words");
        stream.read_exact(&mut [0; 10]).await.unwrap();
        settle().await;
        assert_eq!(far.sent().len(), 1, "its ACK");
        let heard = Duration::from_millis(17_003);

        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(far.now(), heard + Duration::from_secs(7_950));
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::TimedOut);
        settle().await;
        assert_probed_to_death(&far, heard);
        far.silent_for(Duration::from_secs(86_400)).await;
        assert_eq!(stack.connections().await.open, []);
    }
}

#[tokio::test(start_paused = true)]
async fn ka_6_an_answered_probe_proves_life_and_two_hours_begin_again() {
    let (_stack, far, stream) = opened(Family::V4).await;
    stream.set_keepalive(Some(KeepAlive::default())).unwrap();
    let mut heard = Duration::ZERO;
    for unanswered in [0, 1, 9, 0] {
        for at in &probes_after(heard)[..=unanswered] {
            far.wait_until(*at - Duration::from_millis(1)).await;
            assert_eq!(far.sent().len(), 0);
            far.wait_until(*at).await;
            assert_eq!(moments(&far.sent()), [*at]);
        }
        heard = far.now() + Duration::from_millis(30);
        far.wait_until(heard).await;
        assert_eq!(far.ask(&far.ack()).await.len(), 0, "an answer is not answered");
    }
    assert_eq!(stream.info().unwrap().state, State::Established);
}

#[tokio::test(start_paused = true)]
async fn ka_2_options_set_meanwhile_do_not_put_keep_alive_off() {
    let (_stack, far, mut stream) = opened(Family::V4).await;
    stream.set_keepalive(Some(KeepAlive::default())).unwrap();
    // Once an hour, and again when the probes have begun.
    for at in [3_600, 7_199, 7_230, 7_301, 7_800] {
        far.wait_until(Duration::from_secs(at)).await;
        stream.set_nodelay(at % 2 == 0).unwrap();
        stream.set_ttl(at as u32 % 250 + 1).unwrap();
        stream.set_keepalive(Some(KeepAlive::default())).unwrap();
    }
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    settle().await;
    assert_probed_to_death(&far, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn ka_2_the_idle_time_counts_from_the_last_octet_whenever_keep_alive_is_switched_on() {
    for switched_on in [1, 7_199, 7_200, 100_000] {
        let (_stack, far, mut stream) = opened(Family::V4).await;
        far.silent_for(Duration::from_secs(switched_on)).await;
        stream.set_keepalive(Some(KeepAlive::default())).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        settle().await;
        // A peer that was silent for longer is asked at once.
        let late = switched_on.saturating_sub(7_200);
        assert_probed_to_death(&far, Duration::from_secs(late));
    }
}

#[tokio::test(start_paused = true)]
async fn must_25_without_keep_alive_a_silent_connection_lives() {
    let (_stack, mut far, mut stream) = opened(Family::V4).await;
    far.silent_for(Duration::from_secs(7 * 86_400)).await;
    far.says(b"still here");
    stream.read_exact(&mut [0; 10]).await.unwrap();
}

const TIMEOUT: Duration = Duration::from_millis(12_345);

#[tokio::test(start_paused = true)]
async fn uto_1_the_user_timeout_ends_a_connection_to_the_millisecond() {
    for family in Family::BOTH {
        let (stack, far, mut stream) = opened(family).await;
        stream.set_user_timeout(Some(TIMEOUT)).unwrap();
        let written = Duration::from_millis(3_007);
        far.silent_for(written).await;
        stream.write_all(b"anyone there?").await.unwrap();
        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(far.now(), written + TIMEOUT);
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::TimedOut);
        settle().await;
        // Until then it was tried: RTO is 200 ms at a round trip of nothing (DEC-4), and doubles.
        let tries = [0, 200, 600, 1_400, 3_000, 6_200].map(Duration::from_millis);
        let tries: Vec<_> = tries.iter().map(|at| written + *at).collect();
        let sent = far.sent();
        assert_eq!(moments(&sent), tries);
        assert!(sent.iter().all(|sent| sent.segment().seq == far.ack));
        assert!(sent.iter().all(|sent| sent.segment().payload.len() == 13));
        far.silent_for(Duration::from_secs(86_400)).await;
        assert_eq!(stack.connections().await.open, []);
    }
}

#[tokio::test(start_paused = true)]
async fn uto_1_unset_it_is_five_minutes_to_the_millisecond() {
    let (_stack, far, mut stream) = opened(Family::V4).await;
    let written = Duration::from_millis(3_007);
    far.silent_for(written).await;
    stream.write_all(b"anyone there?").await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), written + Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn uto_1_it_runs_while_text_is_unacknowledged_and_no_longer() {
    let (_stack, mut far, mut stream) = opened(Family::V4).await;
    stream.set_user_timeout(Some(TIMEOUT)).unwrap();
    // Acknowledged with a millisecond left: nothing happens, however long the silence is then.
    stream.write_all(b"first").await.unwrap();
    far.wait_until(TIMEOUT - Duration::from_millis(1)).await;
    let sent = far.sent();
    far.takes(&sent[0]);
    assert_eq!(far.ask(&far.ack()).await.len(), 0);
    far.silent_for(Duration::from_secs(86_400)).await;
    // It begins again with the next text, and each advance of SND.UNA begins it again.
    let written = far.now();
    stream.write_all(&[1; 2_000]).await.unwrap();
    far.wait_until(written + TIMEOUT - Duration::from_secs(1)).await;
    let sent = far.sent();
    assert_eq!(sent[0].segment().payload.len(), 1_460);
    far.takes(&sent[0]);
    far.send(&far.ack());
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), written + TIMEOUT - Duration::from_secs(1) + TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn uto_2_it_may_be_changed_while_it_runs() {
    for (changed_to, ends_at) in [(TIMEOUT, 12_345), (Duration::from_secs(1), 5_000)] {
        let (_stack, far, mut stream) = opened(Family::V4).await;
        stream.set_user_timeout(Some(Duration::from_secs(100))).unwrap();
        stream.write_all(b"anyone there?").await.unwrap();
        far.wait_until(Duration::from_secs(5)).await;
        stream.set_user_timeout(Some(changed_to)).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(far.now(), Duration::from_millis(ends_at), "it counts from the text");
    }
}

#[tokio::test(start_paused = true)]
async fn uto_2_given_with_the_open_it_ends_the_syns() {
    let (stack, far) = FarEnd::new(Family::V6).await;
    let connect = stack.connect(far.socket);
    let connect = connect.configure(|config| config.user_timeout = Some(TIMEOUT));
    assert_eq!(connect.await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), TIMEOUT);
    assert_eq!(far.sent().len(), 4, "at 0, 1, 3 and 7 s");
}
