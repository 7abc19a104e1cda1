//! Initial sequence numbers: a host's clock is set so that its secret gives the number that is
//! wanted.

use core::time::Duration;

use synack_tcb::{ConnectionConfig, FourTuple, Instant, LinkId, Open, Route, TransmitLimits};
use synack_wire::{Flags, Options, Segment, SeqNum, TcpPacket};

use crate::host::{Host, HostConfig, HostId};
use crate::streams::Streams;

/// What a host's clock must read at the start for the connection on `path`, which it opens or
/// accepts after `wait`, to begin with `isn`.
///
/// An ISN is a keyed hash of the addresses plus the time in units of 4 microseconds (RFC 9293
/// §3.4.1), so a host like the one in question is asked for one ISN, and the rest is time.
pub(crate) fn epoch_for(
    isn: SeqNum,
    (id, config): (HostId, &HostConfig),
    streams: Streams,
    (path, opening): (FourTuple, Opening),
    wait: Duration,
) -> Option<Duration> {
    let mut host = Host::new(id, config.clone(), streams);
    let now = Instant::from_nanos(u64::try_from((config.epoch + wait).as_nanos()).ok()?);
    let first = match opening {
        Opening::Active => active(&mut host, now, path)?,
        Opening::Passive => passive(&mut host, now, path)?,
    };
    // TSval stays in its first half for years, whatever the epoch.
    Some(config.epoch + TICK * (isn - first))
}

/// Who begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    /// The host in question.
    Active,
    /// The other.
    Passive,
}

fn active(host: &mut Host, now: Instant, path: FourTuple) -> Option<SeqNum> {
    let config = Some(std::sync::Arc::new(ConnectionConfig::default()));
    let open = Open { remote: path.remote(), local: Some(path.local()), from: None, config };
    let (_, mut connection) = host.endpoint.connect(now, open).ok()?;
    let syn = connection.poll_transmit(now, TransmitLimits::SINGLE)?;
    Some(syn.segment.seq)
}

fn passive(host: &mut Host, now: Instant, path: FourTuple) -> Option<SeqNum> {
    host.listen(path.local().port()).ok()?;
    let mut syn = TcpPacket {
        source: path.remote(),
        destination: path.local(),
        ip: synack_wire::IpFields::default(),
        segment_size: None,
        segment: Segment {
            control: Flags::SYN,
            options: Options { mss: Some(1_400), ..Options::default() },
            ..Segment::default()
        },
    };
    match host.endpoint.route(now, LinkId(0), &mut syn) {
        Route::Reply(answer) => Some(answer.segment.seq),
        Route::Deliver(..) | Route::Accept { .. } | Route::Drop(_) | Route::Elsewhere(_) => {
            host.endpoint.poll_transmit(now).map(|(_link, answer)| answer.segment.seq)
        }
    }
}

/// RFC 9293 §3.4.1.
const TICK: Duration = Duration::from_micros(4);
