//! Trace: a hash over everything that happens in a run, and the log of it for who wants to read it.

use core::fmt;
use core::hash::Hasher;
use core::time::Duration;

use siphasher::sip::SipHasher13;

use crate::HostId;

/// What happened so far, as one number.
pub(crate) struct Trace {
    hasher: SipHasher13,
    log: Option<Log>,
}

/// Takes one line of a log at a time.
pub type Log = Box<dyn FnMut(&str) + Send>;

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hasher: SipHasher13::new_with_key(&[0; 16]), log: None }
    }

    /// Writes what happens from now on to `log`.
    pub(crate) fn set_log(&mut self, log: Log) {
        self.log = Some(log);
    }

    /// Counts an event of `host`, with the octets that tell it from others.
    pub(crate) fn count(&mut self, time: Duration, host: HostId, octets: &[u8]) {
        self.hasher.write_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.hasher.write_usize(host.0);
        self.hasher.write(octets);
    }

    /// Says what happened, if anyone reads it.
    pub(crate) fn say(&mut self, time: Duration, host: HostId, what: fmt::Arguments<'_>) {
        if let Some(log) = &mut self.log {
            log(&format!("{:14.6} {host} {what}", time.as_secs_f64()));
        }
    }

    /// The number.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("hash", &self.hash()).finish_non_exhaustive()
    }
}
