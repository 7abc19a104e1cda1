//! The size of segments (MSS-*): what is advertised, what is believed, what options take away.
//! Far ends with every kind of MSS option receive text; the host's SYNs are looked at as well.

use synack_tcb::{EndpointConfig, LinkAddress, LinkId};
use synack_wire::{Options, TcpPacket};

use crate::support::{Change, Conversation, Host, Opener, Setup};

/// A far end with this MSS option and no other.
fn with_mss(mss: Option<u16>) -> Setup {
    Setup::default().offering(|options| options.mss = mss)
}

fn over_ipv6(setup: Setup) -> Setup {
    Setup { addresses: ("fd00::1", "fd00::2"), ..setup }
}

/// The first segment that carries text when much is written.
fn first_text(c: &mut Conversation) -> TcpPacket {
    c.write(10_000);
    c.packets().remove(0)
}

#[test]
fn mss_1_ip_4_must_14_must_67_may_3_every_syn_says_the_mtu_less_the_fixed_headers() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        for (setup, mss) in [(with_mss(Some(1_000)), 1_460), (over_ipv6(with_mss(None)), 1_440)] {
            let setup = Setup { opened_by, ..setup };
            let mut host = setup.host();
            let syn = setup.begin(&mut host);
            assert!(syn.segment.is_syn());
            // SHLD-5: it differs from the default of 536 or 1220. Options take nothing off.
            assert_eq!(syn.segment.options.mss, Some(mss));
        }
    }
}

#[test]
fn must_14_mss_4_what_the_far_end_asks_for_is_what_it_gets() {
    for (mss, opened_by) in [(1_460, Opener::FarEnd), (1_000, Opener::Host), (137, Opener::Host)] {
        let mut c = Setup { opened_by, ..with_mss(Some(mss)) }.open();
        assert_eq!(first_text(&mut c).segment.payload.len(), u32::from(mss));
    }
}

#[test]
fn must_15_without_the_option_a_segment_has_536_octets_or_1220() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        for (setup, len) in [(with_mss(None), 536), (over_ipv6(with_mss(None)), 1_220)] {
            let mut c = Setup { opened_by, ..setup }.open();
            assert_eq!(first_text(&mut c).segment.payload.len(), len);
        }
    }
}

#[test]
fn must_16_mss_5_the_link_bounds_what_a_large_mss_allows() {
    for (setup, len) in [
        (with_mss(Some(9_000)), 1_460),
        (with_mss(Some(65_535)), 1_460),
        (over_ipv6(with_mss(Some(65_535))), 1_440),
    ] {
        let packet = first_text(&mut setup.open());
        assert_eq!((packet.segment.payload.len(), packet.len()), (len, 1_500));
    }
}

#[test]
fn mss_2_trap_45_the_options_of_each_segment_are_taken_off_its_text() {
    let mut setup = Setup::timestamps();
    setup.options.mss = Some(1_460);
    setup.options.sack_permitted = true;
    // Each piece out of order adds a SACK block to what the host sends.
    for (holes, len) in [(0, 1_448), (1, 1_436), (2, 1_428), (3, 1_420), (4, 1_420)] {
        let mut c = setup.open();
        for hole in 0..holes {
            c.receive(c.text_at(100 + 100 * hole, 10));
        }
        c.packets();
        c.write(10_000);
        let packets = c.packets();
        for packet in &packets[..6] {
            assert_eq!((packet.segment.payload.len(), packet.len()), (len, 1_500), "{packet}");
        }
    }
}

#[test]
fn mss_3_trap_46_an_absurdly_small_mss_is_taken_as_88() {
    for mss in [0, 1, 47, 87, 88] {
        let mut c = with_mss(Some(mss)).open();
        c.write(200);
        c.expect(&["[.] 1:89 ack 1", "[.] 89:177 ack 1", "[P.] 177:201 ack 1"]);
    }
}

#[test]
fn must_65_no_segment_without_syn_has_an_mss_option() {
    let mut setup = Setup::timestamps();
    setup.options.sack_permitted = true;
    setup.options.window_scale = Some(0);
    let mut c = setup.open();
    c.write(2_500);
    c.text(10);
    c.receive(c.text_at(100, 10));
    c.close();
    c.run_to(5_000);
    c.abort();
    let packets = c.packets();
    assert!(packets.len() > 8 && packets.last().unwrap().segment.is_rst());
    for packet in packets {
        assert!(!packet.segment.is_syn());
        assert_eq!(packet.segment.options.mss, None, "{packet}");
    }
}

#[test]
fn must_5_an_mss_option_on_a_later_segment_is_read_and_changes_nothing() {
    let mut c = with_mss(Some(1_000)).open();
    let late = Options { mss: Some(100), ..Options::default() };
    c.receive(c.template().with_options(late));
    c.write(1_500);
    c.expect(&["[.] 1:1001 ack 1", "[P.] 1001:1501 ack 1"]);
}

#[test]
fn must_16_mss_2_no_packet_is_longer_than_the_link_takes() {
    for mtu in (68..=128).chain([576]) {
        for setup in [with_mss(Some(1_460)), Setup::sack(), Setup::timestamps()] {
            let setup = setup.offering(|options| options.sack_permitted = true);
            let prefix = ipnet::IpNet::new(setup.addresses.1.parse().unwrap(), 24).unwrap();
            let link = LinkAddress { prefix, link: LinkId(0), mtu };
            let mut host = Host::on(&[link], EndpointConfig::default());
            host.listen(80);
            let syn_ack = setup.begin(&mut host);
            assert!(syn_ack.len() <= mtu as usize);
            assert_eq!(syn_ack.segment.options.mss, Some(mtu as u16 - 40));
            let setup = Setup { iss: syn_ack.segment.seq.get(), ..setup };
            let mut c = setup.finish(host, setup.peer(), &syn_ack);
            // Four gaps to report, and more text than one window takes.
            for seq in [11, 31, 51, 71] {
                c.receive(c.text_at(seq, 10));
            }
            c.write(5_000);
            while c.acked <= 5_000 {
                for packet in c.packets() {
                    assert!(packet.len() <= mtu as usize, "{mtu}: {packet}");
                    c.acked = c.acked.max(packet.segment.end() - c.iss);
                }
                c.receive(c.text_at(11, 10));
                c.ack(c.acked);
            }
        }
    }
}
