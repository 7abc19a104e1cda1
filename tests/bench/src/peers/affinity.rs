//! Keeps client and stack on one core, so that latency is not that of an idle core waking up.

use nix::sched::{self, CpuSet};
use nix::unistd::Pid;

/// From now on, this thread and what it starts run on the last core that it may use: the first ones
/// often have the interrupts.
///
/// # Errors
/// What the kernel says.
pub(super) fn pin_to_one_core() -> nix::Result<()> {
    let allowed = sched::sched_getaffinity(THIS_THREAD)?;
    let last = (0..CpuSet::count()).rev().find(|core| allowed.is_set(*core) == Ok(true));
    let mut one = CpuSet::new();
    one.set(last.unwrap_or_default())?;
    sched::sched_setaffinity(THIS_THREAD, &one)
}

const THIS_THREAD: Pid = Pid::from_raw(0);
