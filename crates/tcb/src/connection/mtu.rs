//! The size of segments: the MSS we advertise, and the effective send MSS (RFC 9293 §3.7.1); and
//! the sizes of packets that path MTU discovery knows of.

/// The MSS to advertise on a link that takes packets of `mtu` octets.
///
/// Options are not subtracted: each sender takes off those of its own segments (RFC 6691 §2).
/// Source: RFC 9293 §3.7.1 (MSS-1, MUST-67, IP-4).
pub(crate) fn advertised_mss(mtu: u32, is_ipv6: bool) -> u16 {
    u16::try_from(segment_max(mtu, is_ipv6)).unwrap_or(u16::MAX)
}

/// The effective send MSS of a segment whose options take `options_len` octets.
///
/// `min(SendMSS + 20, MMS_S) - header`: what the peer takes and the link carries, less the options
/// of this very segment. Source: RFC 9293 §3.7.1 (MUST-16, MSS-2, MSS-4); RFC 6691 §2 (TRAP-45).
pub(crate) fn effective_mss(send_mss: u16, mtu: u32, is_ipv6: bool, options_len: u32) -> u32 {
    let link = segment_max(mtu, is_ipv6);
    u32::from(send_mss).min(link).saturating_sub(options_len).max(1)
}

/// How many SACK blocks a segment may have beside `options_len` octets of other options: as many as
/// there is room for (RFC 2018 §3, SACK-3), and on the smallest links no more than leave some for
/// text.
pub(crate) fn sack_blocks_max(mtu: u32, is_ipv6: bool, options_len: u32) -> usize {
    // Each block takes eight octets, and the option four besides, padding included.
    (options_room(mtu, is_ipv6, options_len + 4) / 8) as usize
}

/// What options may take beside `options_len` octets of others. Units: octets.
pub(crate) fn options_room(mtu: u32, is_ipv6: bool, options_len: u32) -> u32 {
    let room = segment_max(mtu, is_ipv6).saturating_sub(TEXT_MIN).min(OPTIONS_MAX);
    room.saturating_sub(options_len)
}

/// Octets of text and options that a packet takes.
fn segment_max(mtu: u32, is_ipv6: bool) -> u32 {
    mtu.saturating_sub(headers_len(is_ipv6))
}

/// Octets of the IP and TCP headers without options.
pub(crate) const fn headers_len(is_ipv6: bool) -> u32 {
    if is_ipv6 { 60 } else { 40 }
}

/// The least MTU that a report is believed (PMTU-5, robustness B10): over IPv6 what every link must
/// carry (RFC 8201 §4); over IPv4 what the kernel believes, since no path in use carries less, and
/// a forged report costs the more the less it says.
pub(crate) const fn least_reported(is_ipv6: bool) -> u32 {
    if is_ipv6 { 1_280 } else { 552 }
}

/// The least MTU that silence may bring about (RFC 4821 §7.7, PLPMTUD-7): what every path must
/// carry (RFC 791 §3.2; RFC 8200 §5).
pub(crate) const fn least_of_all(is_ipv6: bool) -> u32 {
    if is_ipv6 { 1_280 } else { 68 }
}

/// Where search_low begins: what nearly every path carries (RFC 4821 §7.2, PLPMTUD-1).
pub(crate) const fn search_base(is_ipv6: bool) -> u32 {
    if is_ipv6 { 1_280 } else { 1_024 }
}

/// What a router that names no MTU probably means, about a packet of `packet_len` octets: the next
/// lower size that links are known to have. Source: RFC 1191 §5, §7, table 7-1 (PMTU-7).
pub(crate) fn plateau_below(packet_len: u32) -> u32 {
    let below = PLATEAUS.into_iter().find(|plateau| *plateau < packet_len);
    below.unwrap_or(PLATEAU_LEAST)
}

/// Send MSS when the peer names none (RFC 9293 §3.7.1, MUST-15).
pub(crate) const SEND_MSS_IPV4: u16 = 536;
/// Likewise over IPv6.
pub(crate) const SEND_MSS_IPV6: u16 = 1_220;
/// The least send MSS that is believed: 40 octets of options leave 48 of text (MSS-3). A link may
/// take less: IPv4 packets of 68 octets leave 28 (RFC 791 §3.2).
pub(crate) const SEND_MSS_MIN: u16 = 88;
/// What Ethernet carries (RFC 894).
pub(crate) const ETHERNET: u32 = 1_500;
/// RFC 1191 §7, table 7-1.
const PLATEAUS: [u32; 11] =
    [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, PLATEAU_LEAST];
const PLATEAU_LEAST: u32 = 68;
/// Octets of options that a TCP header takes (RFC 9293 §3.1).
const OPTIONS_MAX: u32 = 40;
/// Text for which SACK blocks leave room: with less, they would slow down what they report about.
const TEXT_MIN: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mss_1_the_advertised_mss_is_the_mtu_less_the_fixed_headers() {
        for (mtu, is_ipv6, mss) in
            [(1_500, false, 1_460), (1_500, true, 1_440), (65_535, false, 65_495), (68, false, 28)]
        {
            assert_eq!(advertised_mss(mtu, is_ipv6), mss);
        }
    }

    #[test]
    fn must_16_the_send_mss_leaves_room_for_the_options_of_the_segment() {
        for (case, send_mss, mtu, is_ipv6, options, mss) in [
            ("timestamps", 1_460, 1_500, false, 12, 1_448),
            ("timestamps and three SACK blocks", 1_460, 1_500, false, 40, 1_420),
            ("the link is smaller", 9_000, 1_500, true, 12, 1_428),
            ("the peer is smaller", 536, 1_500, false, 0, 536),
            ("the floor", 88, 1_500, false, 40, 48),
            ("the smallest link", 1_460, 68, false, 20, 8),
        ] {
            assert_eq!(effective_mss(send_mss, mtu, is_ipv6, options), mss, "{case}");
        }
    }

    #[test]
    fn sack_3_as_many_blocks_as_fit_and_on_small_links_no_more_than_leave_room_for_text() {
        for (mtu, is_ipv6, options, blocks) in [
            (1_500, false, 0, 4),
            (1_500, true, 12, 3),
            (128, false, 12, 3),
            (68, false, 0, 2),
            (68, false, 12, 0),
        ] {
            assert_eq!(sack_blocks_max(mtu, is_ipv6, options), blocks, "{mtu}, {options}");
        }
    }

    #[test]
    fn pmtu_7_a_report_without_an_mtu_means_the_next_lower_plateau() {
        for (packet_len, plateau) in [
            (70_000, 65_535),
            (65_535, 32_000),
            (9_000, 8_166),
            (1_500, 1_492),
            (1_492, 1_006),
            (1_006, 508),
            (69, 68),
            (68, 68),
            (0, 68),
        ] {
            assert_eq!(plateau_below(packet_len), plateau, "{packet_len}");
        }
    }
}
