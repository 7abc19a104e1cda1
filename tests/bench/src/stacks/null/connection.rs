//! One connection of the null stack: cumulative ACKs, go-back-N, no timers, no reassembly.

use std::io;

use super::ring::Ring;
use super::segment::{ACK, Body, FIN, Flow, Header, PSH, SYN, Segment, Writer};
use crate::protocol::{SINK_ANSWER, Service};

pub(super) struct Connection {
    flow: Flow,
    mss: u32,
    snd: Send,
    rcv: Receive,
    service: Service,
    request: Request,
    stream: Stream,
}

/// The send sequence space.
struct Send {
    una: u32,
    nxt: u32,
    wnd: u32,
    window_shift: u8,
    duplicate_acks: u32,
    has_fin: bool,
}

/// The receive sequence space.
struct Receive {
    nxt: u32,
    owes_ack: bool,
    has_fin: bool,
}

/// The count that a request begins with, and what it leaves to do.
enum Request {
    Incomplete { octets: [u8; 8], length: usize },
    Counted { left: u64 },
}

/// What the service sends, counted in octets from the first.
#[derive(Default)]
struct Stream {
    total: u64,
    sent: u64,
    acked: u64,
    /// What the echo has not had acknowledged. All else sends constant octets.
    echo: Vec<u8>,
}

/// How much may be sent and advertised at once.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Octets of the receive window.
    pub(super) window: u32,
    /// Octets of the longest segment or super-segment.
    pub(super) segment: u32,
}

/// Whether a connection is still of use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Ends,
}

impl Connection {
    /// A connection that answers this SYN; `mss` is ours.
    pub(super) fn accept(syn: &Segment<'_>, service: Service, mss: u16) -> Self {
        let first = FIRST_SEQUENCE_NUMBER.wrapping_add(1);
        Self {
            flow: syn.flow,
            mss: u32::from(mss),
            snd: Send {
                una: first,
                nxt: first,
                wnd: 0,
                window_shift: syn.window_shift(),
                duplicate_acks: 0,
                has_fin: false,
            },
            rcv: Receive { nxt: syn.seq.wrapping_add(1), owes_ack: false, has_fin: false },
            service,
            request: Request::Incomplete { octets: [0; 8], length: 0 },
            stream: Stream::default(),
        }
    }

    /// Sends the SYN-ACK.
    pub(super) fn greet(&self, mss: u16, writer: &mut Writer) -> io::Result<()> {
        let [high, low] = mss.to_be_bytes();
        let options = [2, 4, high, low, 1, 3, 3, WINDOW_SHIFT];
        let header = Header {
            flow: self.flow,
            seq: FIRST_SEQUENCE_NUMBER,
            ack: self.rcv.nxt,
            flags: SYN | ACK,
            wnd: u16::MAX,
            options: &options,
        };
        writer.send(&header, &Body::Constant(0))
    }

    /// Takes a segment in; `ring` is where its text is copied to, if it is copied.
    pub(super) fn on_segment(&mut self, segment: &Segment<'_>, ring: Option<&mut Ring>) {
        self.snd.wnd = u32::from(segment.wnd) << self.snd.window_shift;
        let has_fin = segment.flags & FIN != 0;
        let is_pure_ack = segment.payload.is_empty() && !has_fin;
        self.on_ack(segment.ack, is_pure_ack);
        if is_pure_ack {
            return;
        }
        self.rcv.owes_ack = true;
        if segment.seq != self.rcv.nxt {
            return;
        }
        let length = u32::try_from(segment.payload.len()).expect("a packet is below 64 KiB");
        self.rcv.nxt = self.rcv.nxt.wrapping_add(length + u32::from(has_fin));
        self.rcv.has_fin |= has_fin;
        if let Some(ring) = ring {
            ring.store(segment.payload);
        }
        self.on_text(segment.payload);
    }

    fn on_ack(&mut self, ack: u32, is_pure_ack: bool) {
        let newly_acked = ack.wrapping_sub(self.snd.una);
        if newly_acked == 0 {
            if is_pure_ack && self.snd.una != self.snd.nxt {
                self.snd.duplicate_acks += 1;
                if self.snd.duplicate_acks == 3 {
                    self.go_back();
                }
            }
            return;
        }
        if newly_acked > u32::MAX / 2 {
            return;
        }
        self.snd.duplicate_acks = 0;
        self.snd.una = ack;
        // The FIN has a sequence number and is not in the stream.
        let of_stream = u64::from(newly_acked).min(self.stream.total - self.stream.acked);
        self.stream.acked += of_stream;
        if self.service == Service::Echo {
            let count = usize::try_from(of_stream).expect("a window fits in memory");
            self.stream.echo.drain(..count);
        }
        // After going back, an ACK may cover what was sent before.
        if ack.wrapping_sub(self.snd.nxt) <= u32::MAX / 2 {
            self.snd.nxt = ack;
            self.stream.sent = self.stream.acked;
            self.snd.has_fin |= u64::from(newly_acked) > of_stream;
        }
    }

    /// Forgets that anything was sent beyond SND.UNA, so that it is sent again.
    pub(super) fn go_back(&mut self) {
        self.snd.nxt = self.snd.una;
        self.stream.sent = self.stream.acked;
        self.snd.has_fin = false;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.snd.una != self.snd.nxt
    }

    fn on_text(&mut self, text: &[u8]) {
        if self.service == Service::Echo {
            self.stream.echo.extend_from_slice(text);
            self.stream.total += text.len() as u64;
            return;
        }
        let rest = self.request.on_text(text);
        let Request::Counted { left } = &mut self.request else { return };
        match self.service {
            Service::Sink => {
                *left = left.saturating_sub(rest.len() as u64);
                if *left == 0 {
                    self.stream.total = SINK_ANSWER.len() as u64;
                }
            }
            Service::Source | Service::HalfClose => self.stream.total = *left,
            Service::Echo => {}
        }
    }

    /// Sends what may be sent now.
    pub(super) fn flush(
        &mut self,
        limits: Limits,
        writer: &mut Writer,
        mut ring: Option<&mut Ring>,
    ) -> io::Result<Fate> {
        while let Some(length) = self.next_length(limits) {
            self.send_text(length, limits, writer, ring.as_deref_mut())?;
        }
        if self.wants_fin() {
            self.send(self.snd.nxt, FIN | ACK, limits, writer, &Body::Constant(0))?;
            self.snd.nxt = self.snd.nxt.wrapping_add(1);
            self.snd.has_fin = true;
        }
        if self.rcv.owes_ack {
            self.send(self.snd.nxt, ACK, limits, writer, &Body::Constant(0))?;
        }
        let is_done = self.snd.has_fin && self.rcv.has_fin && !self.is_in_flight();
        Ok(if is_done { Fate::Ends } else { Fate::Stays })
    }

    /// The length of the next segment, if one may leave now.
    fn next_length(&self, limits: Limits) -> Option<u32> {
        let in_flight = self.snd.nxt.wrapping_sub(self.snd.una);
        let room = self.snd.wnd.saturating_sub(in_flight);
        let left = self.stream.total - self.stream.sent;
        let length = u32::try_from(left).unwrap_or(u32::MAX).min(room).min(limits.segment);
        // A short segment waits for the window to open, unless it is the last.
        let is_worth_it = length >= self.mss || u64::from(length) == left || in_flight == 0;
        (length > 0 && is_worth_it).then_some(length)
    }

    fn send_text(
        &mut self,
        length: u32,
        limits: Limits,
        writer: &mut Writer,
        ring: Option<&mut Ring>,
    ) -> io::Result<()> {
        let count = length as usize;
        let echo = std::mem::take(&mut self.stream.echo);
        let body = match (self.service, ring) {
            (Service::Echo, _) => {
                let from = self.stream.sent - self.stream.acked;
                let from = usize::try_from(from).expect("a window fits in memory");
                Body::Copied(&echo[from..from + count])
            }
            (_, Some(ring)) => Body::Copied(ring.piece(count)),
            (_, None) => Body::Constant(count),
        };
        let sent = self.send(self.snd.nxt, PSH | ACK, limits, writer, &body);
        self.stream.echo = echo;
        self.snd.nxt = self.snd.nxt.wrapping_add(length);
        self.stream.sent += u64::from(length);
        sent
    }

    fn wants_fin(&self) -> bool {
        let ends_first = self.service == Service::HalfClose && self.request.is_counted();
        let is_closing = self.rcv.has_fin || ends_first;
        is_closing && !self.snd.has_fin && self.stream.sent == self.stream.total
    }

    /// Sends one segment; any segment carries the newest ACK.
    fn send(
        &mut self,
        seq: u32,
        flags: u8,
        limits: Limits,
        writer: &mut Writer,
        body: &Body<'_>,
    ) -> io::Result<()> {
        self.rcv.owes_ack = false;
        let wnd = u16::try_from(limits.window >> WINDOW_SHIFT).unwrap_or(u16::MAX);
        let header = Header { flow: self.flow, seq, ack: self.rcv.nxt, flags, wnd, options: &[] };
        writer.send(&header, body)
    }
}

impl Request {
    /// Takes the count from the front of the text, and returns what is behind it.
    fn on_text<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let Self::Incomplete { octets, length } = self else { return text };
        let (of_count, rest) = text.split_at(text.len().min(octets.len() - *length));
        octets[*length..*length + of_count.len()].copy_from_slice(of_count);
        *length += of_count.len();
        if *length == octets.len() {
            *self = Self::Counted { left: u64::from_le_bytes(*octets) };
        }
        rest
    }

    fn is_counted(&self) -> bool {
        matches!(self, Self::Counted { .. })
    }
}

const FIRST_SEQUENCE_NUMBER: u32 = 1000;
/// Of our window: 256 octets a unit, so that 16 bits reach 16 MiB.
const WINDOW_SHIFT: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { client: [10, 77, 0, 1], client_port: 40_000, port: 9002 };
    const LIMITS: Limits = Limits { window: 1 << 20, segment: 1000 };

    fn segment(seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
        Segment { flow: FLOW, seq, ack, flags, wnd: 3000, options: &[], payload }
    }

    /// A connection that was asked for this many octets.
    fn asked(service: Service, count: u64) -> Connection {
        let mut connection = Connection::accept(&segment(u32::MAX, 0, SYN, &[]), service, 1000);
        connection.on_segment(&segment(0, 1001, ACK, &count.to_le_bytes()), None);
        connection
    }

    /// Counts as sent what may be sent, without a device.
    fn send_all(connection: &mut Connection) -> u32 {
        let before = connection.snd.nxt;
        while let Some(length) = connection.next_length(LIMITS) {
            connection.snd.nxt = connection.snd.nxt.wrapping_add(length);
            connection.stream.sent += u64::from(length);
        }
        connection.snd.nxt.wrapping_sub(before)
    }

    #[test]
    fn the_window_bounds_what_is_in_flight() {
        let mut connection = asked(Service::Source, 5000);
        assert_eq!(send_all(&mut connection), 3000);
        connection.on_segment(&segment(8, 2001, ACK, &[]), None);
        assert_eq!(send_all(&mut connection), 1000);
    }

    #[test]
    fn three_duplicate_acks_send_everything_again() {
        let mut connection = asked(Service::Source, 3000);
        send_all(&mut connection);
        for _ in 0..3 {
            connection.on_segment(&segment(8, 1001, ACK, &[]), None);
        }
        assert_eq!(send_all(&mut connection), 3000);
    }

    #[test]
    fn an_ack_of_what_was_sent_before_going_back_moves_on() {
        let mut connection = asked(Service::Source, 5000);
        send_all(&mut connection);
        connection.go_back();
        connection.on_segment(&segment(8, 3001, ACK, &[]), None);
        assert_eq!(connection.stream.sent, 2000);
        assert_eq!(send_all(&mut connection), 3000);
    }

    #[test]
    fn the_half_close_ends_behind_its_last_octet() {
        let mut connection = asked(Service::HalfClose, 2000);
        assert!(!connection.wants_fin());
        send_all(&mut connection);
        assert!(connection.wants_fin());
    }

    #[test]
    fn a_count_may_come_in_pieces() {
        let mut request = Request::Incomplete { octets: [0; 8], length: 0 };
        assert!(request.on_text(&[7, 0, 0]).is_empty());
        assert!(!request.is_counted());
        assert_eq!(request.on_text(&[0, 0, 0, 0, 0, 42]), [42]);
        assert!(matches!(request, Request::Counted { left: 7 }));
    }

    #[test]
    fn text_that_is_not_next_is_not_taken() {
        let mut connection = asked(Service::Sink, 4);
        connection.on_segment(&segment(9, 1001, ACK, b"late"), None);
        assert!(connection.rcv.owes_ack);
        assert_eq!(connection.stream.total, 0);
        connection.on_segment(&segment(8, 1001, ACK, b"next"), None);
        assert_eq!(connection.stream.total, 8);
    }
}
