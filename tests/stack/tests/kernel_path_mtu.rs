//! Paths that take smaller packets than both ends: what the kernel's router says of it makes ours
//! smaller, and where nobody says anything they become so too. Streams to the kernel, every octet.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use synack::{ConnectionConfig, ImpairedDevice, MtuProbing, StackBuilder, TunDevice};
use synack_netem::{Excess, LinkConfig, Mtu};
use synack_netns::{Interface, Namespace, set_sysctl};
use synack_stack::stream::{receive, send};
use synack_stack::{Ends, Family, Link, PORT, with_configured, with_device};
use tokio::io::AsyncWriteExt;

const LEN: usize = 4 << 20;

/// What the narrow part of a path takes, where both ends take 1500.
const NARROW: u32 = 1_300;

/// Another network of the kernel, behind its router and a cable that takes [`NARROW`].
struct Beyond {
    network: Namespace,
}

impl Beyond {
    fn new() -> Self {
        let network = Namespace::new().unwrap();
        let cable = Interface::create_veth("narrow0", "beyond0", Some(&network)).unwrap();
        cable.set_mtu(NARROW).unwrap();
        cable.set_up().unwrap();
        network.run(|| {
            let end = Interface::named("beyond0").unwrap();
            end.set_up().unwrap();
            end.wait_until_running().unwrap();
            for family in Family::ALL {
                let [near, far] = addresses(family);
                end.add_address(prefix(far, length(family))).unwrap();
                let stack = network_of(family.stack(0).ip());
                end.add_route(prefix(stack, length(family)), Some(near)).unwrap();
            }
        });
        for family in Family::ALL {
            let [near, _] = addresses(family);
            cable.add_address(prefix(near, length(family))).unwrap();
        }
        set_sysctl("net.ipv4.ip_forward", "1").unwrap();
        set_sysctl("net.ipv6.conf.all.forwarding", "1").unwrap();
        cable.wait_until_running().unwrap();
        Self { network }
    }

    /// A connection that we open to a socket of the kernel there.
    async fn opened_by_us(&self, link: &Link, family: Family) -> Ends {
        let socket = SocketAddr::new(addresses(family)[1], PORT);
        let listener = self.network.run(|| std::net::TcpListener::bind(socket)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let opening = link.stack.connect(socket);
        let (ours, (kernel, _)) = tokio::try_join!(opening, listener.accept()).unwrap();
        Ends { kernel, ours }
    }
}

/// Of both ends of the cable.
fn addresses(family: Family) -> [IpAddr; 2] {
    match family {
        Family::V4 => ["10.77.0.1", "10.77.0.2"],
        Family::V6 => ["fd77::1", "fd77::2"],
    }
    .map(|address| address.parse().unwrap())
}

fn length(family: Family) -> u8 {
    if family == Family::V4 { 24 } else { 64 }
}

/// The network that an address with host number 2 lies in.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & !0xff).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !0xff).into()),
    }
}

fn prefix(address: IpAddr, length: u8) -> synack_netns::Prefix {
    format!("{address}/{length}").parse().unwrap()
}

/// A stream to the kernel, and its end; returns our end.
async fn upload(Ends { mut kernel, mut ours }: Ends) -> synack::TcpStream {
    let sending = async {
        let hash = send(&mut ours, LEN, 5).await?;
        ours.shutdown().await?;
        Ok(hash)
    };
    let both = async { tokio::try_join!(sending, receive(&mut kernel)) };
    let (sent, received) = tokio::time::timeout(MINUTE, both).await.unwrap().unwrap();
    assert!(received == (LEN, sent), "every octet");
    ours
}

fn probing(mtu_probing: MtuProbing) -> impl FnOnce(StackBuilder) -> StackBuilder + Send {
    let config = ConnectionConfig { mtu_probing, ..ConnectionConfig::default() };
    move |builder| builder.connection_config(config)
}

#[test]
fn pmtu_2_pmtu_3_pmtu_8_pmtu_14_the_kernels_router_says_what_it_takes() {
    // Without probing, so that it can only be from the router.
    with_configured(1_500, probing(MtuProbing::Off), |link| async move {
        let beyond = Beyond::new();
        for family in Family::ALL {
            let ends = beyond.opened_by_us(&link, family).await;
            let before = ends.ours.info().unwrap();
            assert_eq!(before.path_mtu, 1_500);
            let info = upload(ends).await.info().unwrap();
            let counters = info.counters;
            assert_eq!((info.path_mtu, counters.mtu_reductions), (NARROW, 1), "{family:?}");
            // What was too large left again at once. Of the handshake there may have been one.
            assert_eq!(counters.timeouts, before.counters.timeouts, "{family:?}");
            // The next one knows.
            let ends = beyond.opened_by_us(&link, family).await;
            assert_eq!(ends.ours.info().unwrap().path_mtu, NARROW);
            let counters = upload(ends).await.info().unwrap().counters;
            assert_eq!(counters.mtu_reductions, 0, "{family:?}");
        }
    });
}

/// Uploads over a link that swallows what is too large for it in silence.
fn in_silence(mtu_probing: MtuProbing) {
    let narrow = Mtu { bytes: NARROW as usize, excess: Excess::Silent };
    let line = LinkConfig { mtu: Some(narrow), ..LinkConfig::default() };
    let open = |name: &str| {
        let device = TunDevice::open(name)?;
        Ok(ImpairedDevice::new(device, LinkConfig::default(), line, 1))
    };
    with_device(1_500, open, probing(mtu_probing), |link| async move {
        for family in Family::ALL {
            let ends = link.opened_by_us(family).await.unwrap();
            let info = upload(ends).await.info().unwrap();
            let found = info.path_mtu;
            // As far as the search came by then: probes wait for round trips, the stream does not.
            assert!(found <= NARROW && NARROW < found + 100, "{family:?}: {found}");
            let is_black_hole = mtu_probing == MtuProbing::OnBlackHole;
            let is_reduced = info.counters.mtu_reductions > 0;
            assert_eq!(is_reduced, is_black_hole, "{family:?}");
            assert!(info.counters.mtu_probes > 0, "{family:?}");
        }
    });
}

#[test]
fn plpmtud_7_a_black_hole_before_the_kernel_is_found_out() {
    in_silence(MtuProbing::default());
}

#[test]
fn plpmtud_1_from_the_beginning_the_largest_size_is_searched_for() {
    in_silence(MtuProbing::Always);
}

const MINUTE: Duration = Duration::from_mins(1);
