//! Handshakes without state: the SYN-ACK carries what the last ACK brings back (RFC 4987 App. A).
//!
//! The ISS is the cookie. Window scale, SACK and ECN ride in the lowest bits of our timestamp, if
//! the SYN had one, for the echo to bring back.
//!
//! ```text
//!    31     27 26     24 23                    0        31              6   5    4   3       0
//!   +---------+---------+-----------------------+      +----------------+-----+------+---------+
//!   | counter |   MSS   |      keyed hash       |      |  milliseconds  | ECN | SACK |  shift  |
//!   +---------+---------+-----------------------+      +----------------+-----+------+---------+
//!                       ISS                                          TSval
//! ```

use synack_wire::{Options, Segment, SeqNum};

use crate::config::{ConnectionConfig, EcnPolicy};
use crate::connection::{EcnTerms, EcnUse, Negotiated, SEND_MSS_MIN, timestamp_clock};
use crate::keyed_hash::{KeyedHash, Purpose};
use crate::{FourTuple, Instant};

/// Makes and checks cookies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SynCookies {
    hash: KeyedHash,
}

/// What a valid cookie says of the SYN that drew it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CookieSyn {
    /// IRS.
    pub(crate) irs: SeqNum,
    /// ISS: the cookie.
    pub(crate) iss: SeqNum,
    /// The options, as far as they were kept.
    pub(crate) negotiated: Negotiated,
}

impl SynCookies {
    /// Cookies with a key of their own (SYNC-9).
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self { hash: KeyedHash::derive(secret, Purpose::Cookies) }
    }

    /// The ISS of the answer to a SYN from `path` with sequence number `irs`.
    ///
    /// Source: RFC 4987 App. A (SYNC-3, SYNC-4).
    pub(crate) fn make(
        &self,
        now: Instant,
        path: &FourTuple,
        irs: SeqNum,
        negotiated: &Negotiated,
    ) -> SeqNum {
        self.encode(
            Fields { counter: counter(now), mss: mss_index(negotiated.send_mss) },
            path,
            irs,
        )
    }

    /// What the SYN was that `ack`, the last segment of a handshake, answers our cookie of; `None`
    /// if it holds none of ours, or one that is too old.
    ///
    /// Source: RFC 4987 App. A (SYNC-5, SYNC-8, SYNC-10).
    pub(crate) fn check(
        &self,
        now: Instant,
        path: &FourTuple,
        ack: &Segment,
        timestamp_offset: u32,
        config: &ConnectionConfig,
    ) -> Option<CookieSyn> {
        let iss = ack.ack? - 1;
        let irs = ack.seq - 1;
        let mss = iss.get() >> MSS_SHIFT & MSS_MASK;
        let counters = (0..COUNTERS_VALID).map(|age| counter(now).wrapping_sub(age));
        let claimed = iss.get() >> COUNTER_SHIFT;
        let counter = counters.into_iter().find(|counter| counter & COUNTER_MASK == claimed)?;
        if self.encode(Fields { counter, mss }, path, irs) != iss {
            return None;
        }
        let send_mss = *MSS_TABLE.get(mss as usize)?;
        // The peer echoes a timestamp only if its SYN had one, and then ours carries the rest.
        let timestamps = ack.options.timestamps.filter(|_| config.timestamps);
        let kept = timestamps.map_or(Kept::NOTHING, |timestamps| {
            Kept::from_bits(timestamps.echo.wrapping_sub(timestamp_offset))
        });
        let negotiated = Negotiated {
            send_mss,
            snd_shift: kept.snd_shift.filter(|_| config.window_scaling),
            timestamps: timestamps.is_some(),
            sack: kept.sack && config.sack,
            ecn: kept.ecn_of(EcnTerms::of(config), ack),
        };
        Some(CookieSyn { irs, iss, negotiated })
    }

    fn encode(&self, fields: Fields, path: &FourTuple, irs: SeqNum) -> SeqNum {
        let mut octets = [0; 49];
        octets[..40].copy_from_slice(&path.key_octets());
        octets[40..44].copy_from_slice(&irs.get().to_be_bytes());
        octets[44..48].copy_from_slice(&fields.counter.to_be_bytes());
        octets[48] = fields.mss as u8;
        let hash = self.hash.of(&octets) as u32 & HASH_MASK;
        SeqNum::new(fields.counter << COUNTER_SHIFT | fields.mss << MSS_SHIFT | hash)
    }
}

/// The TSval of a SYN-ACK with a cookie: our clock, a little late, with the options in it.
///
/// It is at most 64 ms behind the clock and never ahead, so that what follows is not older
/// (RFC 7323 §5.2). The offset of the four-tuple is added on top, so that the bits are no one's
/// business.
pub(crate) fn timestamp(now: Instant, offset: u32, negotiated: &Negotiated) -> u32 {
    let Negotiated { snd_shift, sack, ecn, .. } = *negotiated;
    let kept = Kept { snd_shift, sack, ecn: ecn == EcnUse::Both }.to_bits();
    let clock = timestamp_clock(now, 0);
    let value = clock & !KEPT_MASK | kept;
    let value = if value > clock { value.wrapping_sub(KEPT_MASK + 1) } else { value };
    value.wrapping_add(offset)
}

/// The options of a cookie's SYN-ACK: without a timestamp to carry them, neither window scale nor
/// SACK was agreed on (SYNC-8).
pub(crate) fn keepable(negotiated: Negotiated, syn: &Options) -> Negotiated {
    if negotiated.timestamps && syn.timestamps.is_some() {
        return negotiated;
    }
    let ecn = match negotiated.ecn {
        EcnUse::Off | EcnUse::EchoOnly | EcnUse::Both => EcnUse::Off,
        // The last ACK says so by itself.
        EcnUse::Accurate(_) => negotiated.ecn,
    };
    Negotiated { snd_shift: None, sack: false, ecn, ..negotiated }
}

/// What the ISS says in clear.
#[derive(Clone, Copy)]
struct Fields {
    /// Of steps of 64 seconds. All its bits go into the hash, the lowest five into the ISS.
    counter: u32,
    /// An index into the table.
    mss: u32,
}

/// What the timestamp says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kept {
    snd_shift: Option<u8>,
    sack: bool,
    ecn: bool,
}

impl Kept {
    const NOTHING: Self = Self { snd_shift: None, sack: false, ecn: false };

    fn to_bits(self) -> u32 {
        let shift = self.snd_shift.map_or(NO_SHIFT, |shift| u32::from(shift.min(14)));
        u32::from(self.ecn) << 5 | u32::from(self.sack) << 4 | shift
    }

    fn from_bits(bits: u32) -> Self {
        let shift = bits & 0xf;
        let snd_shift = (shift != NO_SHIFT).then_some(shift as u8);
        Self { snd_shift, sack: bits & 0x10 != 0, ecn: bits & 0x20 != 0 }
    }

    /// What the last ACK of the handshake brings back: a mark for classic ECN, or the numbers from
    /// 2 to 7 that only a client with accurate ECN has there (RFC 9768 §5.1).
    fn ecn_of(self, terms: EcnTerms, ack: &Segment) -> EcnUse {
        match terms.policy {
            EcnPolicy::Off => EcnUse::Off,
            EcnPolicy::WhenAsked | EcnPolicy::Ask if self.ecn => EcnUse::Both,
            EcnPolicy::WhenAsked | EcnPolicy::Ask => EcnUse::of_last_ack(terms, ack.control),
        }
    }
}

/// Steps of 64 seconds (SYNC-3).
fn counter(now: Instant) -> u32 {
    (now.as_nanos() / 64_000_000_000) as u32
}

/// The largest entry that is not above the peer's MSS (SYNC-4).
fn mss_index(send_mss: u16) -> u32 {
    let above = MSS_TABLE.iter().position(|mss| *mss > send_mss).unwrap_or(MSS_TABLE.len());
    above.saturating_sub(1) as u32
}

/// What peers say: nothing we believe less than; the defaults of both families; tunnels and mobile
/// networks; Ethernet with both families; jumbo frames.
const MSS_TABLE: [u16; 8] = [SEND_MSS_MIN, 536, 1_220, 1_300, 1_380, 1_440, 1_460, 8_900];

/// This step's cookies and those of the one before are good: 64 to 128 seconds (SYNC-5).
const COUNTERS_VALID: u32 = 2;

const COUNTER_SHIFT: u32 = 27;
const COUNTER_MASK: u32 = 0x1f;
const MSS_SHIFT: u32 = 24;
const MSS_MASK: u32 = 7;
const HASH_MASK: u32 = 0xff_ffff;
const KEPT_MASK: u32 = 0x3f;
/// The shift that says that window scaling is not in use.
const NO_SHIFT: u32 = 15;

#[cfg(test)]
mod tests;
