//! The one host of the process, and who may touch it: a mutex, and two bells for those who wait.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use synack_simhost::Host;

use crate::flags::{Flags, read_settings};

/// What the mutex guards.
pub(crate) struct World {
    pub(crate) host: Host,
    /// Where scripts write settings.
    settings: Option<PathBuf>,
    /// Threads asleep in a call that waits.
    pub(crate) waiting: usize,
    /// When the earliest of them wants to be woken at the latest. Units: microseconds.
    pub(crate) wakes_at_us: Option<u64>,
    /// Threads that were woken and have neither gone to sleep again nor read the clock.
    pub(crate) unsettled: usize,
    /// How often sleepers were woken.
    pub(crate) alarms: u64,
}

impl World {
    /// The settings that sockets made from now on begin with.
    pub(crate) fn refresh_settings(&mut self) {
        if let Some(file) = &self.settings {
            read_settings(file, self.host.settings_mut());
        }
    }
}

/// The world and its bells.
pub(crate) struct Shared {
    world: Mutex<Option<World>>,
    /// Something happened: whoever waits in a call should try again.
    pub(crate) changed: Condvar,
    /// Whoever was woken has settled.
    pub(crate) settled: Condvar,
}

/// The world, while it is held.
pub(crate) type Held = MutexGuard<'static, Option<World>>;

pub(crate) static SHARED: Shared =
    Shared { world: Mutex::new(None), changed: Condvar::new(), settled: Condvar::new() };

impl Shared {
    /// Begins anew, as the flags say.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub(crate) fn begin(&'static self, flags: &str) -> Result<(), String> {
        let (host, settings) = Flags::parse(flags)?.into_host();
        *self.lock() =
            Some(World { host, settings, waiting: 0, wakes_at_us: None, unsettled: 0, alarms: 0 });
        Ok(())
    }

    /// Ends it.
    pub(crate) fn end(&'static self) {
        *self.lock() = None;
    }

    /// Holds it, whatever became of who held it before: a panic ends the process anyway.
    pub(crate) fn lock(&'static self) -> Held {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The world that is held. There is one between `begin` and `end`, and nobody calls outside.
pub(crate) fn world(held: &mut Held) -> &mut World {
    held.as_mut().expect("packetdrill calls between init and free")
}
