//! What both SYNs agreed on.

use synack_wire::{Options, Timestamps};

use super::ecn_agreement::{EcnTerms, EcnUse};
use super::mtu;
use crate::config::ConnectionConfig;
use crate::recv::shift_for;

/// What the handshake fixed for the life of the connection.
///
/// A feature is in use only if both SYNs carried its option: RFC 7323 §2.2 (WS-2), §3.2 (TS-2),
/// RFC 2018 §2 (SACK-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Negotiated {
    /// SendMSS: what the peer takes in one segment, by its option or the default (MUST-15).
    pub(crate) send_mss: u16,
    /// Snd.Wind.Shift, if window scaling is in use.
    pub(crate) snd_shift: Option<u8>,
    /// Whether timestamps are in use.
    pub(crate) timestamps: bool,
    /// Whether SACK is in use.
    pub(crate) sack: bool,
    /// Whether, and how, ECN is in use.
    pub(crate) ecn: EcnUse,
}

impl Negotiated {
    /// Before the peer's SYN is known: the defaults.
    pub(crate) const fn unknown(is_ipv6: bool) -> Self {
        let send_mss = if is_ipv6 { mtu::SEND_MSS_IPV6 } else { mtu::SEND_MSS_IPV4 };
        Self { send_mss, snd_shift: None, timestamps: false, sack: false, ecn: EcnUse::Off }
    }

    /// What our SYN, or SYN-ACK, and the options of the peer's SYN have in common.
    pub(crate) fn from_syn(ours: &Offer, peer: &Options, is_ipv6: bool) -> Self {
        let unknown = Self::unknown(is_ipv6);
        Self {
            send_mss: peer.mss.unwrap_or(unknown.send_mss).max(mtu::SEND_MSS_MIN).min(ours.mss_max),
            // A shift above 14 is used as 14 (RFC 7323 §2.3, WS-6).
            snd_shift: peer.window_scale.filter(|_| ours.rcv_shift.is_some()).map(|s| s.min(14)),
            timestamps: ours.timestamps && peer.timestamps.is_some(),
            sack: ours.sack && peer.sack_permitted,
            // By its flags, which the caller has.
            ecn: EcnUse::Off,
        }
    }

    /// Octets that the options of every data segment take.
    pub(crate) const fn options_len(&self) -> u32 {
        if self.timestamps { 12 } else { 0 }
    }
}

/// What our SYN says, or our SYN-ACK at the most: fixed before it leaves for the first time,
/// whatever is configured later (TRAP-59; RFC 7323 §2.3, WS-9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    /// As much of the receive buffer as the field says, which a SYN never scales (OPEN-10, WS-4).
    pub(crate) window: u16,
    /// Rcv.Wind.Shift, if window scaling is offered.
    pub(crate) rcv_shift: Option<u8>,
    /// The largest MSS to advertise and to use.
    mss_max: u16,
    timestamps: bool,
    sack: bool,
    /// Whether, and how, ECN is agreed to.
    pub(crate) ecn: EcnTerms,
}

impl Offer {
    /// Everything that the configuration allows.
    pub(crate) fn of(config: &ConnectionConfig) -> Self {
        Self {
            window: u16::try_from(config.receive_buffer.initial()).unwrap_or(u16::MAX),
            rcv_shift: config.window_scaling.then(|| shift_for(config.receive_buffer.max())),
            mss_max: config.mss_max.unwrap_or(u16::MAX),
            timestamps: config.timestamps,
            sack: config.sack,
            ecn: EcnTerms::of(config),
        }
    }
}

/// The options of the SYN of an active open: everything that is offered.
pub(crate) fn offer(offer: &Offer, mss: u16, timestamps: impl FnOnce() -> Timestamps) -> Options {
    Options {
        mss: Some(mss.min(offer.mss_max)),
        window_scale: offer.rcv_shift,
        sack_permitted: offer.sack,
        timestamps: offer.timestamps.then(timestamps),
        ..Options::default()
    }
}

/// The options of a SYN-ACK: of what the peer offered, what we take.
///
/// Source: RFC 7323 §2.2 (WS-1, WS-15), §3.2 (TS-1); RFC 2018 §2.
pub(crate) fn answer(
    negotiated: &Negotiated,
    offer: &Offer,
    mss: u16,
    timestamps: impl FnOnce() -> Timestamps,
) -> Options {
    Options {
        mss: Some(mss.min(offer.mss_max)),
        window_scale: offer.rcv_shift.filter(|_| negotiated.snd_shift.is_some()),
        sack_permitted: negotiated.sack,
        timestamps: negotiated.timestamps.then(timestamps),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn() -> Options {
        Options {
            mss: Some(1_460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps::default()),
            ..Options::default()
        }
    }

    #[test]
    fn ws_2_ts_2_sack_2_a_feature_needs_both_sides() {
        let all = Offer::of(&ConnectionConfig::default());
        let none = Offer { rcv_shift: None, timestamps: false, sack: false, ..all };
        let both = Negotiated::from_syn(&all, &syn(), false);
        assert_eq!((both.snd_shift, both.timestamps, both.sack), (Some(7), true, true));
        for (ours, options) in [(&all, Options::default()), (&none, syn())] {
            let one = Negotiated::from_syn(ours, &options, false);
            assert_eq!((one.snd_shift, one.timestamps, one.sack), (None, false, false));
        }
    }

    #[test]
    fn ws_6_a_shift_above_14_is_used_as_14() {
        for shift in 0..=u8::MAX {
            let options = Options { window_scale: Some(shift), ..syn() };
            let ours = Offer::of(&ConnectionConfig::default());
            let negotiated = Negotiated::from_syn(&ours, &options, false);
            assert_eq!(negotiated.snd_shift, Some(shift.min(14)));
        }
    }

    #[test]
    fn must_14_and_must_16_a_limit_of_the_application_holds_both_ways() {
        let config = ConnectionConfig { mss_max: Some(1_100), ..ConnectionConfig::default() };
        let ours = Offer::of(&config);
        assert_eq!(offer(&ours, 1_460, Timestamps::default).mss, Some(1_100));
        for (peer, send_mss) in [(Some(1_460), 1_100), (Some(900), 900), (None, 536)] {
            let options = Options { mss: peer, ..syn() };
            let negotiated = Negotiated::from_syn(&ours, &options, false);
            assert_eq!(negotiated.send_mss, send_mss);
            assert_eq!(answer(&negotiated, &ours, 1_460, Timestamps::default).mss, Some(1_100));
        }
    }

    #[test]
    fn must_15_and_mss_3_the_send_mss_has_a_default_and_a_floor() {
        let ours = Offer::of(&ConnectionConfig::default());
        for (mss, is_ipv6, send_mss) in [
            (None, false, 536),
            (None, true, 1_220),
            (Some(0), false, 88),
            (Some(87), true, 88),
            (Some(65_535), true, 65_535),
        ] {
            let options = Options { mss, ..syn() };
            let negotiated = Negotiated::from_syn(&ours, &options, is_ipv6);
            assert_eq!(negotiated.send_mss, send_mss, "{mss:?}");
        }
    }
}
