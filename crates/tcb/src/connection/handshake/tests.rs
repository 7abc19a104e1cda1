//! Calls in SYN-RECEIVED after a passive open, which no user can make from outside.
//! A connection is built from the record of its SYN, as an endpoint unfolds it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;
use crate::DropReason;
use crate::error::{CloseReason, ReadError, WriteError};
use crate::{Push, TransmitLimits};

/// First numbers, ours and the peer's: far from any edge, and around 2^32 and 2^31.
const FIRST_NUMBERS: [(u32, u32); 3] =
    [(100, 300), (u32::MAX, u32::MAX - 1), (0x7fff_ffff, 0x7fff_fffe)];
const SOCKETS: [(&str, &str); 2] =
    [("10.0.0.2:80", "10.0.0.1:4000"), ("[fd00::2]:80", "[fd00::1]:4000")];
const NOW: Instant = Instant::from_millis(1_000);

/// In each family and with each pair of first numbers.
fn each(test: impl Fn(Connection, SeqNum, SeqNum)) {
    for (local, remote) in SOCKETS {
        for (iss, irs) in FIRST_NUMBERS {
            let (iss, irs) = (SeqNum::new(iss), SeqNum::new(irs));
            let path = FourTuple::new(local.parse().unwrap(), remote.parse().unwrap());
            let identity = Identity { path, iss, timestamp_offset: 0, flow_label: 0, mtu: 1_500 };
            let syn =
                Segment { seq: irs, control: Flags::SYN, window: 1_000, ..Segment::default() };
            let config = Arc::new(ConnectionConfig::default());
            let mut record = SynRecord::from_syn(NOW, identity, &syn, Ecn::NotEct, &config);
            record.sent_at = Some(NOW);
            test(Connection::passive(NOW, &record, config), iss, irs);
        }
    }
}

fn sent(connection: &mut Connection) -> Vec<Segment> {
    let poll = || connection.poll_transmit(NOW, TransmitLimits::SINGLE);
    core::iter::from_fn(poll).map(|packet| packet.segment).collect()
}

/// A segment without text or options, from either side.
fn segment(seq: SeqNum, ack: SeqNum, control: Flags) -> Segment {
    Segment { seq, ack: Some(ack), control, ..Segment::default() }
}

fn arrives(connection: &mut Connection, segment: Segment) {
    assert_eq!(handles(connection, segment), Ok(()));
}

fn handles(connection: &mut Connection, segment: Segment) -> Result<(), DropReason> {
    let (source, destination) = (connection.path.remote(), connection.path.local());
    let segment = Segment { window: 1_000, ..segment };
    let ip = IpFields::default();
    let mut packet = TcpPacket { source, destination, ip, segment_size: None, segment };
    connection.handle_packet(NOW, &mut packet)
}

#[test]
fn sm_close_4_sm_seqn_17_a_close_sends_a_fin_and_one_ack_acknowledges_syn_and_fin() {
    each(|mut connection, iss, irs| {
        connection.close(NOW);
        let fin = Segment { window: 65_535, ..segment(iss + 1, irs + 1, Flags::FIN) };
        assert_eq!(sent(&mut connection), [fin]);
        assert_eq!(connection.state(), State::FinWait1);
        arrives(&mut connection, segment(irs + 1, iss + 2, Flags::NONE));
        assert_eq!(connection.state(), State::FinWait2);
        assert_eq!(sent(&mut connection), []);
    });
}

#[test]
fn sm_close_5_a_close_behind_text_waits_for_established() {
    each(|mut connection, iss, irs| {
        assert_eq!(connection.write(NOW, b"text", Push::Now), Ok(4));
        connection.close(NOW);
        assert_eq!(connection.write(NOW, b"more", Push::Now), Err(WriteError::Closing));
        assert_eq!(sent(&mut connection), []);
        assert_eq!(connection.state(), State::SynReceived);
        arrives(&mut connection, segment(irs + 1, iss + 1, Flags::NONE));
        assert_eq!(connection.state(), State::FinWait1);
        let [last] = &sent(&mut connection)[..] else { panic!("one segment") };
        assert_eq!(
            (last.seq, last.ack, last.payload.to_vec()),
            (iss + 1, Some(irs + 1), b"text".to_vec())
        );
        assert!(last.is_fin());
    });
}

#[test]
fn sm_abort_3_an_abort_sends_a_reset() {
    each(|mut connection, iss, irs| {
        connection.abort(NOW);
        assert_eq!(sent(&mut connection), [segment(iss + 1, irs + 1, Flags::RST)]);
        assert_eq!(connection.close_reason(), Some(CloseReason::Aborted));
        assert_eq!(connection.deadline(), None);
    });
}

#[test]
fn sm_recv_2_sm_send_3_a_read_waits_and_text_is_queued() {
    each(|mut connection, _, _| {
        assert_eq!(connection.read(NOW, &mut [0; 10]), Err(ReadError::Blocked));
        assert_eq!(connection.write(NOW, b"text", Push::Now), Ok(4));
        assert_eq!(sent(&mut connection), []);
        assert_eq!((connection.state(), connection.unsent()), (State::SynReceived, 4));
    });
}

/// Nobody has the connection yet, so nobody is told that it was refused.
#[test]
fn sm_rst_1_sm_syn_1_what_returns_it_to_listen_is_no_failure() {
    for (control, reason) in
        [(Flags::RST, DropReason::Reset), (Flags::SYN, DropReason::ReturnToListen)]
    {
        each(|mut connection, _, irs| {
            let segment = Segment { ack: None, ..segment(irs + 1, irs, control) };
            assert_eq!(handles(&mut connection, segment), Err(reason));
            assert_eq!(connection.state(), State::Closed);
            assert_eq!(connection.close_reason(), Some(CloseReason::Finished));
            assert_eq!(sent(&mut connection), []);
            assert_eq!(connection.deadline(), None);
        });
    }
}

#[test]
fn sm_status_2_status_names_the_state() {
    each(|connection, _, _| {
        let info = connection.info();
        assert_eq!(info.state.to_string(), "SYN-RECEIVED");
        assert_eq!((info.local, info.remote), (connection.path.local(), connection.path.remote()));
        assert_eq!((info.snd_wnd, info.unacked, info.unsent, info.unread), (1_000, 1, 0, 0));
    });
}
