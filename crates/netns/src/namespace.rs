//! Namespace: a network of its own, and the threads that run in it.

use crate::{Interface, Step, Unavailable, private};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

/// A private network: only a loopback device at first, set up, with its usual addresses.
///
/// It lives as long as this value, a thread or a socket in it. Network namespaces belong to
/// threads, not to processes, so several can be used side by side.
#[derive(Debug)]
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// A new network.
    ///
    /// # Errors
    /// [`Unavailable`] if the process may not make one. Root may. Others may inside of a user
    /// namespace: after [`enter`](crate::enter), or in [`test`](fn@crate::test).
    pub fn new() -> Result<Self, Unavailable> {
        on_new_thread(|| {
            unshare_network()?;
            set_loopback_up()?;
            let file = File::open(private::THREAD).map_err(failed(Step::NetworkNamespace))?;
            Ok(Self { file })
        })
    }

    /// The network of the calling thread, which must be a private one.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] if it is the machine's own.
    pub fn current() -> io::Result<Self> {
        private::require()?;
        Ok(Self { file: File::open(private::THREAD)? })
    }

    /// Runs `body` in this network, on a thread of its own, and waits for it.
    ///
    /// Sockets and devices that `body` opens, and threads that it starts, belong to this network.
    /// So do those of a tokio runtime that is built within `body`, of either flavour.
    ///
    /// # Panics
    /// If `body` does, with its panic; or if the system has no thread to give, or no longer lets
    /// this process into the namespace it made.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        on_new_thread(|| {
            setns(self, CloneFlags::CLONE_NEWNET)
                .expect("a process may enter the network namespaces that it made");
            body()
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Moves the calling thread into a new network.
pub(crate) fn unshare_network() -> Result<(), Unavailable> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Unavailable::new(Step::NetworkNamespace, errno))
}

/// Sets the loopback device of the calling thread's network up; it has its addresses by itself.
pub(crate) fn set_loopback_up() -> Result<(), Unavailable> {
    Interface::named("lo").and_then(|loopback| loopback.set_up()).map_err(failed(Step::Loopback))
}

/// Runs `body` on a thread of its own, under the name of this one, and passes its panic on.
pub(crate) fn on_new_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let name = thread::current().name().unwrap_or("netns").to_owned();
    let result = thread::scope(|scope| {
        thread::Builder::new()
            .name(name)
            .spawn_scoped(scope, body)
            .expect("the system has room for one more thread")
            .join()
    });
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Turns an error of `step` into a reason.
fn failed(step: Step) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable::Failed { step, os_error: error.raw_os_error().unwrap_or_default() }
}
