//! Controllers: every congestion controller that grids, plots and benches run, by name.

use std::sync::Arc;

use synack_tcb::congestion::{Bbr, CongestionFactory, Cubic, NewReno};

/// A congestion controller that a connection can be given.
#[derive(Clone, Copy, Debug)]
pub struct Controller {
    /// Its name, as tables and command lines have it.
    pub name: &'static str,
    factory: fn() -> Arc<dyn CongestionFactory>,
}

impl PartialEq for Controller {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Controller {}

impl Controller {
    /// All there are. A new one is a line here.
    pub const ALL: &[Self] = &[
        Self { name: "reno", factory: || Arc::new(NewReno::FACTORY) },
        Self { name: "cubic", factory: || Arc::new(Cubic::FACTORY) },
        Self { name: "bbr", factory: || Arc::new(Bbr::FACTORY) },
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|controller| controller.name == name)
    }

    /// What a configuration takes to have it.
    pub fn factory(self) -> Arc<dyn CongestionFactory> {
        (self.factory)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_is_found_by_its_name() {
        for controller in Controller::ALL {
            assert_eq!(Controller::named(controller.name).unwrap().name, controller.name);
        }
        assert!(Controller::named("none").is_none());
    }
}
