//! Script: what an application does with a connection, as plain data.

use core::time::Duration;

use crate::Dice;

/// What an application does: how much it writes and in what portions, how it reads, how it ends.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// How much it writes in all. Units: octets.
    pub send_bytes: u64,
    /// How much each write offers. Units: octets.
    pub write_sizes: Sizes,
    /// How writes are pushed.
    pub push: PushStyle,
    /// Thinking between writes.
    pub write_pause: Option<Pause>,
    /// How much each read takes. Units: octets.
    pub read_sizes: Sizes,
    /// Resting between reads.
    pub read_pause: Option<Pause>,
    /// One long rest from reading.
    pub stall: Option<Stall>,
    /// When it begins to write.
    pub start: Start,
    /// How it ends.
    pub ending: Ending,
}

impl Script {
    /// Writes `send_bytes` at once, reads all there is, closes after the last write.
    pub const fn send(send_bytes: u64) -> Self {
        Self {
            send_bytes,
            write_sizes: Sizes::LARGE,
            push: PushStyle::Always,
            write_pause: None,
            read_sizes: Sizes::LARGE,
            read_pause: None,
            stall: None,
            start: Start::Connected,
            ending: Ending::CloseAfterSending,
        }
    }

    /// Reads all there is and closes when the peer has closed.
    pub const fn receive() -> Self {
        Self { ending: Ending::CloseAfterReceiving, ..Self::send(0) }
    }

    /// The same with another ending.
    #[must_use]
    pub const fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// A range of sizes, drawn so that each order of magnitude is as likely. Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// The least, at least 1.
    pub low: u64,
    /// The greatest.
    pub high: u64,
}

impl Sizes {
    /// 64 KiB each time.
    pub const LARGE: Self = Self { low: 64 << 10, high: 64 << 10 };

    /// From `low` to `high`.
    pub const fn new(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    /// The next size.
    pub(crate) fn draw(self, dice: &mut Dice) -> usize {
        let size =
            if self.low == self.high { self.low } else { dice.magnitude(self.low, self.high) };
        size.clamp(1, BUFFER_LEN) as usize
    }
}

/// How writes are pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushStyle {
    /// Each write is pushed.
    Always,
    /// Some say that more follows; the last does not.
    Corked,
    /// Some end in an urgent octet.
    Urgent,
}

/// A rest now and then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// How often, after a call. Units: times in a thousand.
    pub permille: u32,
    /// The longest; each length is as likely.
    pub time_max: Duration,
}

impl Pause {
    /// How long to rest now, if at all.
    pub(crate) fn draw(self, dice: &mut Dice) -> Option<Duration> {
        dice.chance(self.permille).then(|| dice.time(Duration::ZERO, self.time_max))
    }
}

/// One long rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall {
    /// After how much was read. Units: octets.
    pub after_bytes: u64,
    /// How long.
    pub time: Duration,
}

/// When an application begins to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// When the connection is established.
    Connected,
    /// Before that.
    Opened,
}

/// How an application ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Closes when everything is written, and reads on to the end of the stream.
    CloseAfterSending,
    /// Writes everything, waits for the end of the stream, and closes.
    CloseAfterReceiving,
    /// Aborts once it wrote and read so much together, or ends as
    /// [`CloseAfterSending`](Self::CloseAfterSending) if it comes to that first.
    AbortAfter {
        /// Written and read together. Units: octets.
        bytes: u64,
    },
    /// Lets go of the connection when everything is written, whatever may still come.
    DropAfterSending,
}

/// The longest single read or write. Units: octets.
pub(crate) const BUFFER_LEN: u64 = 64 << 10;
