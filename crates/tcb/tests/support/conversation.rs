//! One open connection of a host, and the far end of it played by hand, in relative numbers.
//!
//! Numbers count from the first number of each direction, so the SYN has 0 and text begins at 1,
//! wherever in the sequence space it really lies; times count from ESTABLISHED. What either end
//! writes is octets that follow from their place in the stream, and each is checked when the host
//! sends it or its reader takes it.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use synack_tcb::{
    ConnectionConfig, ConnectionId, ConnectionInfo, Events, Instant, Push, ReadError, State,
};
use synack_wire::{Flags, Options, Segment, SeqNum, SeqRange, TcpPacket, Timestamps};

use super::line::Line;
use super::{Change, Host, Peer, Received, Setup};

/// A conversation under way. See the module for its numbers and times.
pub(crate) struct Conversation {
    pub(crate) host: Host,
    pub(crate) peer: Peer,
    pub(crate) id: ConnectionId,
    /// The number of the host's SYN.
    pub(crate) iss: SeqNum,
    /// The number of the far end's SYN.
    pub(crate) irs: SeqNum,
    /// When the host was ESTABLISHED: time 0.
    pub(crate) start: Instant,
    /// SEG.SEQ of the template: the next octet in order that the far end sends.
    pub(crate) next: u32,
    /// SEG.ACK of the template: what the far end acknowledged so far.
    pub(crate) acked: u32,
    /// The window field of the template.
    pub(crate) window: u16,
    /// Whether the template has timestamps: the time and, as echo, the newest TSval of the host.
    pub(crate) timestamps: bool,
    /// How lines are written.
    pub(crate) line: Line,
    /// The newest TSval of the host.
    pub(crate) echo: u32,
    written: u64,
    read: u64,
    sent: VecDeque<(Instant, TcpPacket)>,
}

impl Conversation {
    /// The conversation that a handshake led to. `syn` is the host's SYN or SYN-ACK.
    pub(crate) fn new(
        host: Host,
        peer: Peer,
        id: ConnectionId,
        setup: &Setup,
        syn: &Segment,
    ) -> Self {
        let (start, iss, irs) = (host.now, SeqNum::new(setup.iss), SeqNum::new(setup.irs));
        let echo = syn.options.timestamps.map_or(0, |timestamps| timestamps.value);
        let clocks = (echo.wrapping_add(setup.rtt.as_millis() as u32), FIRST_TSVAL);
        Self {
            host,
            peer,
            id,
            iss,
            irs,
            start,
            next: 1,
            acked: 1,
            window: setup.window,
            timestamps: syn.options.timestamps.is_some(),
            line: Line { iss, irs, start, clocks, windows: false, timestamps: false },
            echo,
            written: 0,
            read: 0,
            sent: VecDeque::new(),
        }
    }

    // The far end.

    /// `<SEQ=next><ACK=acked><CTL=ACK>`: what every packet of the far end is a change of.
    pub(crate) fn template(&self) -> TcpPacket {
        let mut packet = self.peer.ack(self.irs + self.next, self.iss + self.acked);
        packet.segment.window = self.window;
        if self.timestamps {
            let timestamps = Timestamps { value: self.far_clock(), echo: self.echo };
            packet.segment.options.timestamps = Some(timestamps);
        }
        packet
    }

    /// The template with the text that belongs at `seq`, of `len` octets.
    pub(crate) fn text_at(&self, seq: u32, len: u32) -> TcpPacket {
        let text = octets(u64::from(seq) - 1, len as usize);
        self.template().with_text(&text).with(|segment| segment.seq = self.irs + seq)
    }

    /// The template with blocks of relative numbers.
    pub(crate) fn sack_of(&self, blocks: &[(u32, u32)]) -> TcpPacket {
        let blocks = blocks.iter();
        let blocks = blocks.map(|(from, to)| SeqRange::new(self.iss + *from, self.iss + *to));
        self.template().with(|segment| segment.options.sack = blocks.collect())
    }

    /// Takes a packet from the network, and sends what it causes.
    pub(crate) fn receive(&mut self, packet: TcpPacket) -> Received {
        let received = self.host.receive(packet);
        self.collect();
        received
    }

    /// Takes packets that waited together, and only then sends what they cause.
    pub(crate) fn receive_together(&mut self, packets: Vec<TcpPacket>) -> Vec<Received> {
        let received = self.host.receive_together(packets);
        self.collect();
        received
    }

    /// The far end acknowledges everything below `ack`.
    pub(crate) fn ack(&mut self, ack: u32) -> Received {
        self.acked = ack;
        self.receive(self.template())
    }

    /// The far end reports ranges above what it acknowledged.
    pub(crate) fn sack(&mut self, blocks: &[(u32, u32)]) -> Received {
        self.receive(self.sack_of(blocks))
    }

    /// The far end acknowledges up to `ack` and reports `blocks`; asserts what leaves at that.
    #[track_caller]
    pub(crate) fn acks(&mut self, ack: u32, blocks: &[(u32, u32)], expected: &[&str]) {
        self.acked = ack;
        self.sack(blocks);
        self.expect(expected);
    }

    /// The far end changes its window.
    pub(crate) fn offer(&mut self, window: u16) -> Received {
        self.window = window;
        self.receive(self.template())
    }

    /// The far end sends the next `len` octets of its text.
    pub(crate) fn text(&mut self, len: u32) -> Received {
        let packet = self.text_at(self.next, len);
        self.next = self.next.wrapping_add(len);
        self.receive(packet)
    }

    /// The far end closes.
    pub(crate) fn fin(&mut self) -> Received {
        let packet = self.template().with_control(Flags::FIN);
        self.next = self.next.wrapping_add(1);
        self.receive(packet)
    }

    /// The far end's timestamp clock: milliseconds, and it wraps five seconds after ESTABLISHED.
    pub(crate) fn far_clock(&self) -> u32 {
        let since_start = self.host.now.since(self.start).as_millis() as u32;
        FIRST_TSVAL.wrapping_add(since_start)
    }

    // The application of the host.

    /// Writes the next `len` octets.
    #[track_caller]
    pub(crate) fn write(&mut self, len: usize) {
        self.write_with(len, Push::Now);
    }

    #[track_caller]
    pub(crate) fn write_with(&mut self, len: usize, push: Push) {
        let text = octets(self.written, len);
        self.written += len as u64;
        let now = self.host.now;
        assert_eq!(self.host.connection(self.id).write(now, &text, push), Ok(len));
        self.drain();
    }

    /// Reads all that is there, checks it, and returns how much it was.
    #[track_caller]
    pub(crate) fn read(&mut self) -> usize {
        let text = self.host.read(self.id);
        self.check_read(&text);
        self.collect();
        text.len()
    }

    /// Reads at most `len` octets in one call, checks them, and returns how many they were.
    #[track_caller]
    pub(crate) fn read_at_most(&mut self, len: usize) -> Result<Option<usize>, ReadError> {
        let mut into = vec![0; len];
        let now = self.host.now;
        let result = self.host.connection(self.id).read(now, &mut into);
        if let Ok(Some(count)) = result {
            self.check_read(&into[..count]);
        }
        self.drain();
        result
    }

    pub(crate) fn close(&mut self) {
        self.host.close(self.id);
        self.collect();
    }

    pub(crate) fn abort(&mut self) {
        self.host.abort(self.id);
        self.collect();
    }

    pub(crate) fn detach(&mut self) {
        self.host.detach(self.id);
        self.collect();
    }

    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut ConnectionConfig)) {
        let now = self.host.now;
        self.host.connection(self.id).configure(now, change);
        self.drain();
    }

    pub(crate) fn events(&mut self) -> Events {
        self.host.connection(self.id).poll_events()
    }

    pub(crate) fn info(&mut self) -> ConnectionInfo {
        self.host.connection(self.id).info()
    }

    pub(crate) fn state(&self) -> State {
        self.host.state(self.id)
    }

    // Time, and what is seen of the host.

    /// Milliseconds since ESTABLISHED.
    pub(crate) fn clock_ms(&self) -> u64 {
        self.host.now.since(self.start).as_millis() as u64
    }

    /// Lets time pass until `ms` after ESTABLISHED, and asserts what left, and when. What left
    /// before and was not looked at is among it.
    #[track_caller]
    pub(crate) fn until(&mut self, ms: u64, expected: &[(u64, &str)]) {
        self.run_to(ms);
        let lines: Vec<_> = self.take_lines();
        let expected: Vec<_> =
            expected.iter().map(|(ms, line)| (at(*ms), line.to_string())).collect();
        assert_eq!(lines, expected, "what left until {ms} ms");
    }

    /// Lets `ms` pass, in which nothing leaves.
    #[track_caller]
    pub(crate) fn pass(&mut self, ms: u64) {
        self.until(self.clock_ms() + ms, &[]);
    }

    /// Lets `ms` pass, whatever leaves.
    pub(crate) fn run(&mut self, ms: u64) {
        self.run_to(self.clock_ms() + ms);
    }

    /// Asserts what left since the last look; all of it just now.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[&str]) {
        let now = self.host.now.since(self.start);
        let lines: Vec<_> = self.take_lines();
        let expected: Vec<_> = expected.iter().map(|line| (now, line.to_string())).collect();
        assert_eq!(lines, expected, "what left at {now:?}");
    }

    /// Asserts what left since the last look, whenever that was.
    #[track_caller]
    pub(crate) fn expect_all(&mut self, expected: &[&str]) {
        let lines: Vec<_> = self.take_lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, expected);
    }

    /// When each packet left since the last look: milliseconds since ESTABLISHED.
    pub(crate) fn times(&mut self) -> Vec<u64> {
        self.take_lines().into_iter().map(|(time, _)| time.as_millis() as u64).collect()
    }

    /// Takes what left since the last look, as packets.
    pub(crate) fn packets(&mut self) -> Vec<TcpPacket> {
        self.sent.drain(..).map(|(_, packet)| packet).collect()
    }

    /// Puts packets back that were only looked at: they left just now.
    pub(crate) fn requeue(&mut self, packets: Vec<TcpPacket>) {
        self.sent.extend(packets.into_iter().map(|packet| (self.host.now, packet)));
    }

    /// Takes the one segment that left since the last look.
    #[track_caller]
    pub(crate) fn only_sent(&mut self) -> Segment {
        let mut packets = self.packets();
        let lines: Vec<_> = packets.iter().map(|packet| self.line.of(packet)).collect();
        assert_eq!(packets.len(), 1, "{lines:#?}");
        packets.remove(0).segment
    }

    /// Lets time pass until `ms` after ESTABLISHED.
    pub(crate) fn run_to(&mut self, ms: u64) {
        let until = self.start + at(ms);
        while let Some(next) = self.host.deadline().filter(|next| *next <= until) {
            self.host.advance(next.since(self.host.now));
            self.collect();
        }
        self.host.advance(until.since(self.host.now));
        self.collect();
    }

    /// Sends what a call on the connection caused.
    pub(crate) fn drain(&mut self) {
        self.host.drain();
        self.collect();
    }

    fn collect(&mut self) {
        for packet in self.host.sent() {
            self.check_sent(&packet);
            if let Some(timestamps) = packet.segment.options.timestamps {
                self.echo = timestamps.value;
            }
            self.sent.push_back((self.host.now, packet));
        }
    }

    fn take_lines(&mut self) -> Vec<(Duration, String)> {
        let line = self.line;
        let lines = self.sent.drain(..);
        lines.map(|(time, packet)| (time.since(line.start), line.of(&packet))).collect()
    }

    /// What the host sends is what belongs there, however often.
    #[track_caller]
    fn check_sent(&self, packet: &TcpPacket) {
        let segment = &packet.segment;
        if segment.is_syn() || segment.payload.is_empty() {
            return;
        }
        // The place in the stream that has this number and lies nearest below what was written.
        let number = u64::from(segment.seq - self.iss) + (1 << 32) - 1;
        let number = number % (1 << 32);
        let wraps = self.written.saturating_sub(number) >> 32;
        let place = number + (wraps << 32);
        let text = segment.payload.to_vec();
        assert!(text == octets(place, text.len()), "other octets at {place}");
    }

    #[track_caller]
    fn check_read(&mut self, text: &[u8]) {
        assert!(text == octets(self.read, text.len()), "other octets at {}", self.read);
        self.read += text.len() as u64;
    }
}

/// The octets of a stream from `place` on: a table over and over, as long as no window is.
pub(crate) fn octets(place: u64, len: usize) -> Vec<u8> {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    let table =
        TABLE.get_or_init(|| (0..PERIOD).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect());
    let mut octets = Vec::with_capacity(len);
    let mut from = (place % u64::from(PERIOD)) as usize;
    while octets.len() < len {
        let to = table.len().min(from + len - octets.len());
        octets.extend_from_slice(&table[from..to]);
        from = 0;
    }
    octets
}

/// A prime, so that octets a power of two apart differ.
const PERIOD: u32 = 1_048_573;

/// The far end's TSval in its SYN, and at ESTABLISHED.
pub(crate) const FIRST_TSVAL: u32 = u32::MAX - 5_000;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
