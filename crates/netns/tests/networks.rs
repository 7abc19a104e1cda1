//! Shows that a test gets a network of its own: TUN devices, addresses, routes and cables.
//! How: sockets of the kernel use what was configured; packets are read from the TUN device.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;
use synack_netns::{Interface, Namespace, Prefix, set_sysctl};
use tokio_tun::Tun;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// Opens a TUN device and gives it to `body`, on a runtime in the calling thread's network.
fn with_tun<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Tun, Interface) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tun = Tun::builder().name(name).build().unwrap().remove(0);
        let interface = Interface::named(name).unwrap();
        body(tun, interface).await;
    });
}

/// The next packet from the device that is UDP to `port`. The kernel has things of its own to say.
async fn receive_udp(tun: &Tun, port: u16) -> Vec<u8> {
    let mut packet = vec![0; 65_536];
    let found = async {
        loop {
            let len = tun.recv(&mut packet).await.unwrap();
            if udp_port(&packet[..len]) == Some(port) {
                return len;
            }
        }
    };
    let len = tokio::time::timeout(DEADLINE, found).await.expect("the packet comes to the device");
    packet.truncate(len);
    packet
}

/// The destination port of a UDP packet without IP options or extension headers.
fn udp_port(packet: &[u8]) -> Option<u16> {
    let (protocol, header_len) = match packet.first()? >> 4 {
        4 => (packet.get(9)?, 20),
        6 => (packet.get(6)?, 40),
        _ => return None,
    };
    let port = packet.get(header_len + 2..header_len + 4)?;
    (*protocol == 17).then(|| u16::from_be_bytes([port[0], port[1]]))
}

/// Longer than any machine needs, for what comes at once or never.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn kernel_sockets_use_the_addresses_of_a_tun_device_at_once() {
    synack_netns::test(|| {
        with_tun("tun0", async |tun, interface| {
            interface.set_up().unwrap();
            interface.add_address(prefix("10.0.0.1/24")).unwrap();
            interface.add_address(prefix("fd00::1/64")).unwrap();
            for (ours, theirs) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
                let (ours, theirs): (IpAddr, IpAddr) =
                    (ours.parse().unwrap(), theirs.parse().unwrap());
                // An IPv6 address that were still being checked could not be bound.
                let socket = UdpSocket::bind((ours, 9_000)).unwrap();
                socket.send_to(b"hello", (theirs, 7)).unwrap();
                let packet = receive_udp(&tun, 7).await;
                assert!(packet.ends_with(b"hello"));

                // And back: addresses and ports change places, and so the checksums stay as they
                // are.
                tun.send(&turned(&packet)).await.unwrap();
                socket.set_read_timeout(Some(DEADLINE)).unwrap();
                let mut reply = [0; 16];
                let (len, from) = socket.recv_from(&mut reply).unwrap();
                assert_eq!((&reply[..len], from), (&b"hello"[..], SocketAddr::new(theirs, 7)));
            }
        });
    });
}

/// The packet as its receiver would send it back.
fn turned(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let (source, len, ports) = if packet[0] >> 4 == 4 { (12, 4, 20) } else { (8, 16, 40) };
    let (before, after) = packet.split_at_mut(source + len);
    before[source..].swap_with_slice(&mut after[..len]);
    let (before, after) = packet.split_at_mut(ports + 2);
    before[ports..].swap_with_slice(&mut after[..2]);
    packet
}

#[test]
fn routes_lead_to_the_device_with_and_without_a_router() {
    synack_netns::test(|| {
        with_tun("tun0", async |tun, interface| {
            interface.set_up().unwrap();
            interface.add_address(prefix("10.0.0.1/24")).unwrap();
            interface.add_address(prefix("fd00::1/64")).unwrap();
            let socket =
                |ours: &str| UdpSocket::bind((ours.parse::<IpAddr>().unwrap(), 0)).unwrap();
            let unreachable = socket("10.0.0.1").send_to(b"x", "198.51.100.1:7").unwrap_err();
            assert_eq!(unreachable.kind(), ErrorKind::NetworkUnreachable);

            interface.add_route(prefix("198.51.100.0/24"), None).unwrap();
            interface.add_route(prefix("0.0.0.0/0"), Some("10.0.0.2".parse().unwrap())).unwrap();
            interface.add_route(prefix("2001:db8:1::/48"), None).unwrap();
            interface.add_route(prefix("::/0"), Some("fd00::2".parse().unwrap())).unwrap();
            // A second time replaces the first.
            interface.add_route(prefix("198.51.100.0/24"), None).unwrap();
            for (ours, to) in [
                ("10.0.0.1", "198.51.100.1:7"),
                ("10.0.0.1", "203.0.113.1:8"),
                ("fd00::1", "[2001:db8:1::1]:9"),
                ("fd00::1", "[2001:db8:2::1]:10"),
            ] {
                let to: SocketAddr = to.parse().unwrap();
                socket(ours).send_to(b"x", to).unwrap();
                receive_udp(&tun, to.port()).await;
            }

            let mixed = interface.add_route(prefix("::/0"), Some("10.0.0.2".parse().unwrap()));
            assert_eq!(mixed.unwrap_err().kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_device_gets_the_mtu_and_the_queue_length_it_was_told() {
    synack_netns::test(|| {
        // Without IPv6 there are no packets in the queue but ours.
        set_sysctl("net.ipv6.conf.all.disable_ipv6", "1").unwrap();
        set_sysctl("net.ipv6.conf.default.disable_ipv6", "1").unwrap();
        with_tun("tun0", async |tun, interface| {
            interface.set_mtu(1_280).unwrap();
            assert_eq!(tun.mtu().unwrap(), 1_280);
            assert_eq!(interface.set_mtu(10_000_000).unwrap_err().kind(), ErrorKind::InvalidInput);

            interface.set_queue_len(3).unwrap();
            interface.add_address(prefix("10.0.0.1/24")).unwrap();
            interface.set_up().unwrap();
            let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
            for number in 0..10 {
                // The kernel may say that the packet was dropped, or not.
                let _result = socket.send_to(&[number], "10.0.0.2:7");
            }
            let mut packet = [0; 100];
            let mut queued = 0;
            while tun.try_recv(&mut packet).is_ok() {
                queued += 1;
            }
            assert_eq!(queued, 3);
        });
    });
}

#[test]
fn a_device_that_is_set_down_carries_nothing_until_it_is_up_again() {
    synack_netns::test(|| {
        with_tun("tun0", async |tun, interface| {
            interface.add_address(prefix("10.0.0.1/24")).unwrap();
            interface.set_up().unwrap();
            let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
            socket.send_to(b"x", "10.0.0.2:7").unwrap();
            receive_udp(&tun, 7).await;

            interface.set_down().unwrap();
            let error = socket.send_to(b"x", "10.0.0.2:8").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);

            interface.set_up().unwrap();
            socket.send_to(b"x", "10.0.0.2:9").unwrap();
            receive_udp(&tun, 9).await;
        });
    });
}

#[test]
fn an_address_cannot_be_given_twice_nor_a_missing_device_be_found() {
    synack_netns::test(|| {
        let loopback = Interface::named("lo").unwrap();
        loopback.add_address(prefix("192.0.2.1/32")).unwrap();
        let twice = loopback.add_address(prefix("192.0.2.1/32")).unwrap_err();
        assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
        assert_eq!(Interface::named("tun99").unwrap_err().raw_os_error(), Some(19)); // ENODEV
        assert_eq!((loopback.name(), loopback.index()), ("lo", 1));
    });
}

#[test]
fn networks_do_not_see_each_other() {
    synack_netns::test(|| {
        let other = Namespace::new().unwrap();
        let ours = TcpListener::bind("127.0.0.1:80").unwrap();
        // The same address and port, and no one listens there until it is bound again.
        let theirs = other.run(|| {
            assert!(TcpStream::connect("127.0.0.1:80").is_err());
            TcpListener::bind("127.0.0.1:80").unwrap()
        });
        // A socket keeps its network, also on a thread of another.
        std::thread::scope(|scope| {
            scope.spawn(|| ours.accept().unwrap().0.write_all(b"ours").unwrap());
            scope.spawn(|| theirs.accept().unwrap().0.write_all(b"theirs").unwrap());
            let hear = || {
                let mut heard = String::new();
                TcpStream::connect("127.0.0.1:80").unwrap().read_to_string(&mut heard).unwrap();
                heard
            };
            assert_eq!(hear(), "ours");
            assert_eq!(other.run(hear), "theirs");
        });
    });
}

#[test]
fn a_cable_joins_two_networks() {
    synack_netns::test(|| {
        let here = Namespace::current().unwrap();
        let there = Namespace::new().unwrap();
        let near = Interface::create_veth("near", "far", Some(&there)).unwrap();
        near.add_address(prefix("10.1.0.1/24")).unwrap();
        near.add_address(prefix("fd01::1/64")).unwrap();
        near.set_up().unwrap();
        let listeners = there.run(|| {
            let far = Interface::named("far").unwrap();
            far.add_address(prefix("10.1.0.2/24")).unwrap();
            far.add_address(prefix("fd01::2/64")).unwrap();
            far.set_up().unwrap();
            ["10.1.0.2:80", "[fd01::2]:80"].map(|address| TcpListener::bind(address).unwrap())
        });
        near.wait_until_running().unwrap();
        there.run(|| Interface::named("far").unwrap().wait_until_running()).unwrap();
        for listener in listeners {
            let address = listener.local_addr().unwrap();
            let mut client = here.run(|| TcpStream::connect_timeout(&address, DEADLINE)).unwrap();
            client.write_all(b"through the cable").unwrap();
            drop(client);
            let mut heard = String::new();
            listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, "through the cable");
        }
        let taken = Interface::create_veth("near", "far2", None).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    });
}

#[test]
fn a_cable_loses_nothing_once_it_runs() {
    synack_netns::test(|| {
        let there = Namespace::new().unwrap();
        let near = Interface::create_veth("near", "far", Some(&there)).unwrap();
        near.add_address(prefix("10.1.0.1/24")).unwrap();
        near.set_up().unwrap();
        let receiver = there.run(|| {
            let far = Interface::named("far").unwrap();
            far.add_address(prefix("10.1.0.2/24")).unwrap();
            far.set_up().unwrap();
            far.wait_until_running().unwrap();
            UdpSocket::bind("10.1.0.2:7").unwrap()
        });
        near.wait_until_running().unwrap();
        // One datagram, and no one who would send it again.
        UdpSocket::bind("10.1.0.1:0").unwrap().send_to(b"x", "10.1.0.2:7").unwrap();
        receiver.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn threads_and_runtimes_started_inside_are_inside() {
    synack_netns::test(|| {
        Interface::named("lo").unwrap().add_address(prefix("192.0.2.7/32")).unwrap();
        // Only here can this address be bound.
        std::thread::spawn(|| UdpSocket::bind("192.0.2.7:0").unwrap()).join().unwrap();
    });
}

#[test]
fn a_setting_changes_in_this_network_alone() {
    synack_netns::test(|| {
        let read = || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_sack").unwrap();
        let other = Namespace::new().unwrap();
        set_sysctl("net.ipv4.tcp_sack", "0").unwrap();
        assert_eq!(read(), "0\n");
        assert_eq!(other.run(read), "1\n");
        let missing = set_sysctl("net.ipv4.no_such_setting", "1").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_panic_inside_comes_out_as_it_was() {
    synack_netns::test(|| {
        let namespace = Namespace::new().unwrap();
        let run = || namespace.run(|| panic!("the reason of the body"));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the reason of the body"));
    });
}

#[test]
fn nothing_can_be_changed_outside_of_a_private_network() {
    if std::env::var_os("SYNACK_NETNS_OUTSIDE").is_some() {
        return; // this program was started inside as a whole
    }
    let denied = ErrorKind::PermissionDenied;
    // Down is what it must not become, so ask for what it is anyway.
    assert_eq!(Interface::named("lo").unwrap().set_up().unwrap_err().kind(), denied);
    let loopback = Interface::named("lo").unwrap();
    assert_eq!(loopback.add_address(prefix("127.0.0.1/8")).unwrap_err().kind(), denied);
    assert_eq!(set_sysctl("net.ipv4.no_such_setting", "0").unwrap_err().kind(), denied);
    assert_eq!(Namespace::current().unwrap_err().kind(), denied);
}
