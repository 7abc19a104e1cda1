//! Shows that socket calls mean what they mean on a BSD: what waits, what fails, and how.
//! Two hosts on one virtual clock carry each other's packets, with a millisecond on the way.

use core::net::SocketAddr;

use synack_simhost::{
    Descriptor, Domain, Errno, Fault, Host, ReadFlags, Readiness, Settings, Shutdown, WriteFlags,
};

/// Two hosts and the wire between them.
struct Pair {
    client: Host,
    server: Host,
}

impl Pair {
    fn new() -> Self {
        let host =
            |address: &str| Host::new(&[address.parse().unwrap()], 1_500, Settings::default());
        Self { client: host("192.168.0.1/16"), server: host("192.168.0.2/16") }
    }

    /// Lets `time_us` pass; what one sends reaches the other a millisecond later.
    fn pass(&mut self, time_us: u64) {
        let end_us = self.client.now() + time_us;
        while self.client.now() < end_us {
            let at_us = self.client.now();
            let mut carried = Vec::new();
            while let Some(sent) = self.client.next_egress(at_us) {
                carried.push((true, sent.octets));
            }
            while let Some(sent) = self.server.next_egress(at_us) {
                carried.push((false, sent.octets));
            }
            self.client.advance_to(at_us + 1_000);
            self.server.advance_to(at_us + 1_000);
            for (is_for_server, octets) in carried {
                let to = if is_for_server { &mut self.server } else { &mut self.client };
                to.inject(octets);
            }
        }
    }

    /// A connection, seen from both ends, and the listener.
    fn connected(&mut self) -> (Descriptor, Descriptor, Descriptor) {
        let listener = self.server.socket(Domain::V4);
        self.server.bind(listener, server_address()).unwrap();
        self.server.listen(listener, 1).unwrap();
        let client = self.client.socket(Domain::V4);
        assert_eq!(self.client.connect(client, server_address()), Err(Fault::WouldBlock));
        self.pass(5_000);
        assert_eq!(self.client.connect(client, server_address()), Ok(()));
        let (accepted, from) = self.server.accept(listener).unwrap();
        assert_eq!(Ok(from), self.client.local_name(client));
        (client, accepted, listener)
    }
}

fn server_address() -> SocketAddr {
    "192.168.0.2:8080".parse().unwrap()
}

fn errno<T>(number: i32) -> Result<T, Fault> {
    Err(Fault::Errno(Errno(number)))
}

const PLAIN_READ: ReadFlags =
    ReadFlags { peek: false, nonblocking: false, discard: false, urgent: false };
const PLAIN_WRITE: WriteFlags = WriteFlags { nonblocking: false, more: false, urgent: false };

#[test]
fn what_is_written_is_read_and_the_end_is_read_after_it() {
    let mut pair = Pair::new();
    let (client, server, _) = pair.connected();
    assert_eq!(pair.server.read(server, 10, PLAIN_READ), Err(Fault::WouldBlock));
    assert_eq!(pair.client.write(client, b"question", PLAIN_WRITE), Ok(8));
    pair.client.shutdown(client, Shutdown::Write).unwrap();
    pair.pass(5_000);
    let peek = ReadFlags { peek: true, ..PLAIN_READ };
    assert_eq!(pair.server.read(server, 3, peek), Ok(b"que".to_vec()));
    assert_eq!(pair.server.read(server, 100, PLAIN_READ), Ok(b"question".to_vec()));
    assert_eq!(pair.server.read(server, 100, PLAIN_READ), Ok(Vec::new()), "the end");
    assert_eq!(pair.client.write(client, b"more", PLAIN_WRITE), errno(libc::EPIPE));
}

#[test]
fn a_nonblocking_connect_is_in_progress_then_done_then_done_before() {
    let mut pair = Pair::new();
    let listener = pair.server.socket(Domain::V4);
    pair.server.bind(listener, server_address()).unwrap();
    pair.server.listen(listener, 1).unwrap();
    let fd = pair.client.socket(Domain::V4);
    pair.client.control(fd, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
    for expected in [libc::EINPROGRESS, libc::EALREADY] {
        assert_eq!(pair.client.connect(fd, server_address()), errno(expected));
    }
    assert_eq!(pair.client.readiness(fd), Ok(Readiness::NONE));
    pair.pass(5_000);
    assert_eq!(pair.client.readiness(fd), Ok(Readiness::WRITE));
    assert_eq!(pair.client.connect(fd, server_address()), Ok(()));
    assert_eq!(pair.client.connect(fd, server_address()), errno(libc::EISCONN));
}

#[test]
fn a_refused_connect_says_so_once_and_the_socket_may_try_again() {
    let mut pair = Pair::new();
    let fd = pair.client.socket(Domain::V4);
    assert_eq!(pair.client.connect(fd, server_address()), Err(Fault::WouldBlock));
    pair.pass(5_000);
    let ready = pair.client.readiness(fd).unwrap();
    assert!(ready.contains(Readiness::ERROR | Readiness::HANG_UP), "{ready:?}");
    assert_eq!(pair.client.connect(fd, server_address()), errno(libc::ECONNREFUSED));
    assert_eq!(pair.client.connect(fd, server_address()), Err(Fault::WouldBlock));
}

#[test]
fn a_reset_is_told_once_by_so_error_or_by_a_call() {
    for by_option in [true, false] {
        let mut pair = Pair::new();
        let (client, server, _) = pair.connected();
        let no_linger = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
        pair.client.set_option(client, libc::SOL_SOCKET, libc::SO_LINGER, &no_linger).unwrap();
        pair.client.close(client).unwrap();
        pair.pass(5_000);
        assert!(pair.server.readiness(server).unwrap().contains(Readiness::ERROR));
        if by_option {
            let told = pair.server.option(server, libc::SOL_SOCKET, libc::SO_ERROR);
            assert_eq!(told, Ok(libc::ECONNRESET.to_ne_bytes().to_vec()));
        } else {
            let told = pair.server.read(server, 1, PLAIN_READ);
            assert_eq!(told, errno(libc::ECONNRESET));
        }
        assert_eq!(pair.server.read(server, 1, PLAIN_READ), Ok(Vec::new()));
        assert_eq!(pair.server.write(server, b"x", PLAIN_WRITE), errno(libc::EPIPE));
        assert_eq!(pair.client.read(client, 1, PLAIN_READ), errno(libc::EBADF));
    }
}

#[test]
fn a_socket_listens_once_and_accepts_what_waits() {
    let mut pair = Pair::new();
    let (_, _, listener) = pair.connected();
    assert_eq!(pair.server.accept(listener), Err(Fault::WouldBlock));
    assert_eq!(pair.server.readiness(listener), Ok(Readiness::NONE));
    let other = pair.server.socket(Domain::V4);
    assert_eq!(pair.server.bind(other, server_address()), errno(libc::EADDRINUSE));
    assert_eq!(pair.server.accept(other), errno(libc::EINVAL));
    let called = pair.client.socket(Domain::V4);
    assert_eq!(pair.client.connect(called, server_address()), Err(Fault::WouldBlock));
    pair.pass(5_000);
    assert_eq!(pair.server.readiness(listener), Ok(Readiness::READ));
    assert!(pair.server.accept(listener).is_ok());
}

#[test]
fn an_ipv6_socket_shows_ipv4_peers_as_mapped() {
    let mut pair = Pair::new();
    let listener = pair.server.socket(Domain::V6);
    let mapped: SocketAddr = "[::ffff:192.168.0.2]:8080".parse().unwrap();
    pair.server.bind(listener, mapped).unwrap();
    pair.server.listen(listener, 1).unwrap();
    let client = pair.client.socket(Domain::V4);
    assert_eq!(pair.client.connect(client, server_address()), Err(Fault::WouldBlock));
    pair.pass(5_000);
    let (accepted, from) = pair.server.accept(listener).unwrap();
    assert_eq!(from.ip(), "::ffff:192.168.0.1".parse::<core::net::IpAddr>().unwrap());
    assert_eq!(pair.server.local_name(accepted), Ok(mapped));
}

#[test]
fn tcp_info_tells_the_state_and_what_was_negotiated() {
    let mut pair = Pair::new();
    let (client, _, listener) = pair.connected();
    let state = |host: &mut Host, fd| {
        let info = host.option(fd, libc::IPPROTO_TCP, libc::TCP_INFO).unwrap();
        (info[0], info[5] & 7)
    };
    assert_eq!(state(&mut pair.client, client), (1, 7), "established; all three options");
    assert_eq!(state(&mut pair.server, listener), (10, 0));
    pair.client.shutdown(client, Shutdown::Write).unwrap();
    assert_eq!(state(&mut pair.client, client).0, 4, "FIN-WAIT-1");
    pair.pass(5_000);
    assert_eq!(state(&mut pair.client, client).0, 5, "FIN-WAIT-2");
}
