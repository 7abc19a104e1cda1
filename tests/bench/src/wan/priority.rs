//! Priority: lets a measurement in real time go before what else the machine does.

use std::io;

use nix::libc;

/// Makes the calling thread, and the threads that it starts from now on, run before all ordinary
/// ones, and take turns among each other.
///
/// Niceness would not do: where the scheduler groups tasks by session, as Linux does by default, it
/// counts within the session only.
///
/// # Errors
/// Of the kind [`io::ErrorKind::PermissionDenied`] without the privilege.
pub(super) fn raise() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: LOWEST };
    // SAFETY: sched_setscheduler reads the parameters and keeps no pointer to them; 0 names the
    // calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Of the priorities of real-time tasks, all of which are above the others' (sched(7)).
const LOWEST: libc::c_int = 1;
