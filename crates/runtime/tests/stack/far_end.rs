//! A far end played by hand: raw packets go onto a cable in memory, and what a stack sends is read
//! off it with the moment at which it left.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use synack::{
    BufferPool, Capabilities, ChecksumTrust, Device, MemoryDevice, Outgoing, Received, Stack,
    StackBuilder, TcpListener, TcpStream,
};
use synack_wire::{
    Flags, IpFields, Options, Parsed, Segment, SeqNum, TcpPacket, Timestamps, parse,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::pair::Family;

/// The other host on the cable of a stack. It does nothing by itself.
///
/// Its templates carry the numbers it has: a test moves them by [`takes`](Self::takes) and
/// [`says`](Self::says), and changes what else a segment is about.
pub(crate) struct FarEnd {
    cable: MemoryDevice,
    log: Arc<Log>,
    /// Its own socket.
    pub(crate) socket: SocketAddr,
    /// The stack's socket: known from the stack's SYN if the stack opens.
    pub(crate) host: SocketAddr,
    /// Its next number.
    pub(crate) seq: SeqNum,
    /// The next number that it expects.
    pub(crate) ack: SeqNum,
    /// The window field of what it sends.
    pub(crate) window: u16,
    /// What its SYN, or SYN-ACK, carries.
    pub(crate) offer: Options,
    /// What every later segment carries.
    pub(crate) timestamps: Option<Timestamps>,
}

/// A packet that left the stack.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When, counted from the moment at which the far end was made.
    pub(crate) at: Duration,
    pub(crate) packet: TcpPacket,
}

impl Sent {
    pub(crate) fn segment(&self) -> &Segment {
        &self.packet.segment
    }
}

impl FarEnd {
    /// A stack with one address and port 80 in mind, and the host beside it. The clock stands at a
    /// whole millisecond.
    pub(crate) async fn new(family: Family) -> (Stack, Self) {
        Self::with(family, |builder| builder).await
    }

    /// As [`new`](Self::new), the stack with something changed.
    pub(crate) async fn with(
        family: Family,
        change: impl FnOnce(StackBuilder) -> StackBuilder,
    ) -> (Stack, Self) {
        let (near, cable) = MemoryDevice::pair(1_500);
        let log = Arc::new(Log {
            began: Instant::now() + MILLISECOND,
            sent: Mutex::default(),
            left: Notify::new(),
        });
        let device = Recorder { inner: near, log: Arc::clone(&log) };
        let builder = Stack::builder().device(device).address(family.server()).secret([3; 32]);
        let stack = change(builder).spawn().unwrap();
        tokio::time::sleep(MILLISECOND).await;
        let far = Self {
            cable,
            log,
            socket: SocketAddr::new(family.client().addr(), 4_000),
            host: SocketAddr::new(family.server().addr(), 80),
            seq: SeqNum::new(u32::MAX - 5_000),
            ack: SeqNum::new(0),
            window: u16::MAX,
            offer: Options { mss: Some(1_460), ..Options::default() },
            timestamps: None,
        };
        (stack, far)
    }

    /// The time since it was made.
    pub(crate) fn now(&self) -> Duration {
        self.log.began.elapsed()
    }

    /// Puts a packet onto the cable.
    pub(crate) fn send(&self, packet: &TcpPacket) {
        let mut scratch = Vec::new();
        self.cable.try_send(Outgoing::tcp(packet, &mut scratch)).unwrap();
    }

    /// What left the stack since the last look.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.log.sent.lock().unwrap().drain(..).collect()
    }

    /// The next packet to leave the stack, within a day.
    pub(crate) async fn next(&self) -> Sent {
        let next = async {
            loop {
                let left = self.log.left.notified();
                if let Some(sent) = self.log.sent.lock().unwrap().pop_front() {
                    return sent;
                }
                left.await;
            }
        };
        tokio::time::timeout(DAY, next).await.expect("something leaves")
    }

    /// Puts a packet onto the cable and lets the stack act on it while the clock stands: what it
    /// sends at once.
    pub(crate) async fn ask(&self, packet: &TcpPacket) -> Vec<Sent> {
        self.send(packet);
        settle().await;
        self.sent()
    }

    /// As [`ask`](Self::ask), for what has one answer.
    pub(crate) async fn answer_to(&self, packet: &TcpPacket) -> Sent {
        let mut answers = self.ask(packet).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// Lets time pass until this moment of [`now`](Self::now); what leaves stays to be looked at.
    pub(crate) async fn wait_until(&self, at: Duration) {
        tokio::time::sleep_until(self.log.began + at).await;
        settle().await;
    }

    /// Lets time pass; nothing leaves the stack, neither before nor meanwhile.
    #[track_caller]
    pub(crate) fn silent_for(&self, time: Duration) -> impl Future<Output = ()> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            tokio::time::sleep(time).await;
            settle().await;
            let sent = self.sent();
            assert!(sent.is_empty(), "{caller}: {sent:?}");
        }
    }

    /// Opens a connection to the listener: the stream at the stack.
    pub(crate) async fn open(&mut self, listener: &TcpListener) -> TcpStream {
        let syn_ack = self.answer_to(&self.syn()).await;
        self.seq += 1;
        self.take_syn(&syn_ack);
        assert_eq!(syn_ack.segment().ack, Some(self.seq));
        self.send(&self.ack());
        listener.accept().await.unwrap().0
    }

    /// Answers the SYN of a stack that opens a connection to it: the stream at the stack.
    pub(crate) async fn accept(&mut self, stack: &Stack) -> TcpStream {
        let connect = tokio::spawn(stack.connect(self.socket));
        let syn = self.next().await;
        self.host = syn.packet.source;
        self.take_syn(&syn);
        self.send(&self.syn_ack());
        self.seq += 1;
        let stream = connect.await.unwrap().unwrap();
        let ack = self.next().await;
        assert_eq!((ack.segment().ack, ack.segment().len()), (Some(self.seq), 0));
        stream
    }

    /// The stack's SYN, or SYN-ACK, arrived: its number, and its clock if both have one.
    pub(crate) fn take_syn(&mut self, syn: &Sent) {
        self.ack = syn.segment().seq + 1;
        let (theirs, ours) = (syn.segment().options.timestamps, self.offer.timestamps);
        self.timestamps = theirs
            .zip(ours)
            .map(|(theirs, ours)| Timestamps { value: ours.value, echo: theirs.value });
    }

    /// What the stack sent up to the end of `sent` is acknowledged from now on.
    pub(crate) fn takes(&mut self, sent: &Sent) {
        self.ack = sent.segment().end();
    }

    /// Sends text in order.
    pub(crate) fn says(&mut self, text: &[u8]) {
        let packet = self.text(text);
        self.send(&packet);
        self.seq = packet.segment.end();
    }

    /// `<SEQ=SEQ><CTL=SYN>`
    pub(crate) fn syn(&self) -> TcpPacket {
        self.packet(Segment { ack: None, options: self.offer.clone(), ..self.bare(Flags::SYN) })
    }

    /// `<SEQ=SEQ><ACK=ACK><CTL=SYN,ACK>`
    pub(crate) fn syn_ack(&self) -> TcpPacket {
        self.packet(Segment { options: self.offer.clone(), ..self.bare(Flags::SYN) })
    }

    /// `<SEQ=SEQ><ACK=ACK><CTL=ACK>`
    pub(crate) fn ack(&self) -> TcpPacket {
        self.packet(self.bare(Flags::NONE))
    }

    /// `<SEQ=SEQ><ACK=ACK><DATA=text><CTL=ACK>`
    pub(crate) fn text(&self, text: &[u8]) -> TcpPacket {
        let payload = Bytes::copy_from_slice(text).into();
        self.packet(Segment { payload, ..self.bare(Flags::NONE) })
    }

    /// `<SEQ=SEQ><ACK=ACK><CTL=FIN,ACK>`
    pub(crate) fn fin(&self) -> TcpPacket {
        self.packet(self.bare(Flags::FIN))
    }

    /// `<SEQ=SEQ><CTL=RST>`
    pub(crate) fn rst(&self) -> TcpPacket {
        self.packet(Segment { ack: None, ..self.bare(Flags::RST) })
    }

    fn bare(&self, control: Flags) -> Segment {
        let options = Options { timestamps: self.timestamps, ..Options::default() };
        let (seq, ack, window) = (self.seq, Some(self.ack), self.window);
        Segment { seq, ack, control, window, options, ..Segment::default() }
    }

    fn packet(&self, segment: Segment) -> TcpPacket {
        TcpPacket {
            source: self.socket,
            destination: self.host,
            ip: IpFields::default(),
            segment_size: None,
            segment,
        }
    }
}

/// Lets every task do what it can while the clock stands.
pub(crate) async fn settle() {
    for _ in 0..SETTLED {
        tokio::task::yield_now().await;
    }
}

/// What left a stack.
struct Log {
    began: Instant,
    sent: Mutex<VecDeque<Sent>>,
    left: Notify,
}

/// The stack's end of the cable: takes packets off it, and writes down what the stack sends.
struct Recorder {
    inner: MemoryDevice,
    log: Arc<Log>,
}

impl Device for Recorder {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        // In memory of its own: how much of it a connection holds can be measured.
        let received = self.inner.poll_receive(cx, pool);
        received.map_ok(|it| Received::unverified(Bytes::copy_from_slice(&it.packet)))
    }

    fn poll_writable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        // As it travels, its checksum included.
        let Parsed::Tcp { packet, option_fault: None } =
            parse(packet.to_bytes()?, ChecksumTrust::Verify).expect("what leaves is sound")
        else {
            panic!("a stack that is not pinged sends TCP");
        };
        self.log.sent.lock().unwrap().push_back(Sent { at: self.log.began.elapsed(), packet });
        self.log.left.notify_one();
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const MILLISECOND: Duration = Duration::from_millis(1);
/// Times that every task gets its turn: more than a packet takes from the cable to the application
/// and its answer back, several times over.
const SETTLED: usize = 40;
