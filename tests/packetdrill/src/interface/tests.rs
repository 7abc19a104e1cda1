//! Shows that the table works as packetdrill uses it: a handshake, a call that waits, and the end.
//! The test calls the functions through the table, with C structures, as packetdrill does.

use core::mem::{MaybeUninit, zeroed};
use core::ptr::null_mut;
use std::sync::mpsc;
use std::thread;

use libc::sockaddr_in;

use super::*;

/// The table, filled in by the library. There is one world, so tests take turns.
struct Library {
    table: Interface,
    _turn: std::sync::MutexGuard<'static, ()>,
}

static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

impl Library {
    fn new(flags: &core::ffi::CStr) -> Self {
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut table = MaybeUninit::uninit();
        // SAFETY: the string ends with a zero, and the table may be written.
        unsafe { packetdrill_interface_init(flags.as_ptr(), table.as_mut_ptr()) };
        // SAFETY: it was written just now.
        Self { table: unsafe { table.assume_init() }, _turn: turn }
    }

    /// The clock. Units: microseconds.
    fn now_us(&self) -> i64 {
        // SAFETY: all zeros are a time.
        let mut time: timeval = unsafe { zeroed() };
        // SAFETY: the time may be written, and the zone may be null.
        unsafe { (self.table.gettimeofday)(null_mut(), &mut time, null_mut()) };
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    /// The next packet that leaves, and when.
    fn receive(&self) -> (Vec<u8>, i64) {
        let (mut buffer, mut len, mut time_us) = (vec![0u8; 65_536], 65_536, 0);
        let into = buffer.as_mut_ptr().cast();
        // SAFETY: the place has that length.
        unsafe { (self.table.netdev_receive)(null_mut(), into, &mut len, &mut time_us) };
        buffer.truncate(len);
        (buffer, time_us)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: nothing is called afterwards.
        unsafe { (self.table.free)(null_mut()) };
    }
}

fn remote() -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 80u16.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([192, 0, 2, 1]) },
        sin_zero: [0; 8],
    }
}

const ADDRESS_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

#[test]
fn a_syn_leaves_and_leaves_again_in_virtual_time() {
    let library = Library::new(c"address=192.168.0.1/16,tcp_timestamps=0");
    let table = &library.table;
    let address = remote();
    // SAFETY: the address is of its type and length; the descriptor is open.
    let (fd, connected) = unsafe {
        let fd = (table.socket)(null_mut(), libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP);
        (table.fcntl)(null_mut(), fd, libc::F_SETFL, libc::O_NONBLOCK as usize as *mut c_void);
        (fd, (table.connect)(null_mut(), fd, (&raw const address).cast(), ADDRESS_LEN))
    };
    assert!(fd >= synack_simhost::DESCRIPTOR_FIRST, "{fd}");
    assert_eq!(connected, -1);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EINPROGRESS));
    let (syn, sent_us) = library.receive();
    let (again, again_us) = library.receive();
    assert_eq!(again_us - sent_us, 1_000_000, "RFC 6298 §2.1");
    assert_eq!((syn.len(), &syn[20..]), (again.len(), &again[20..]), "the same segment");
    assert_eq!(syn[33], 0x02, "SYN");
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { (table.close)(null_mut(), fd) }, 0);
}

#[test]
fn the_clock_moves_by_sleeping_and_by_looking_and_nothing_comes_of_nothing() {
    let library = Library::new(c"");
    let before_us = library.now_us();
    assert_eq!(library.now_us(), before_us + 1);
    // SAFETY: it takes a number.
    unsafe { (library.table.usleep)(null_mut(), 5_000) };
    assert_eq!(library.now_us(), before_us + 5_002);
    assert_eq!(library.receive().0, [], "an empty packet ends the script");
}

#[test]
fn a_call_that_waits_sleeps_until_its_time_and_ends_at_it() {
    let library = Library::new(c"");
    let table = library.table;
    // SAFETY: plain numbers.
    let fd =
        unsafe { (table.socket)(null_mut(), libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP) };
    let begun_us = library.now_us();
    let (poll, gettimeofday) = (table.poll, table.gettimeofday);
    let (tell, told) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let address = remote();
        // SAFETY: the address is of its type and length.
        let connected = unsafe {
            (table.fcntl)(null_mut(), fd, libc::F_SETFL, libc::O_NONBLOCK as usize as *mut c_void);
            (table.connect)(null_mut(), fd, (&raw const address).cast(), ADDRESS_LEN)
        };
        assert_eq!(connected, -1);
        let mut entry = pollfd { fd, events: libc::POLLIN, revents: 0 };
        tell.send(()).unwrap();
        // SAFETY: one entry, and a place for the time.
        unsafe {
            let polled = poll(null_mut(), &mut entry, 1, 100);
            let mut time: timeval = zeroed();
            gettimeofday(null_mut(), &mut time, null_mut());
            (polled, time.tv_sec * 1_000_000 + time.tv_usec)
        }
    });
    told.recv().unwrap();
    // packetdrill waits until the thread sleeps; here the world says when one does.
    while SHARED.lock().as_ref().is_some_and(|world| world.waiting == 0) {
        thread::yield_now();
    }
    // SAFETY: it takes a number.
    unsafe { (table.usleep)(null_mut(), 500_000) };
    let (polled, ended_us) = waiting.join().unwrap();
    assert_eq!(polled, 0, "nothing was ready");
    assert!((100_000..100_100).contains(&(ended_us - begun_us)), "{ended_us} {begun_us}");
    assert!(library.now_us() >= begun_us + 500_000);
}
