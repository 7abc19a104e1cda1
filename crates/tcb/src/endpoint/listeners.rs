//! The listeners of an endpoint, and which of them a local address leads to.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::addresses::Ownership;
use crate::link::zone_of;
use crate::listener::{Listener, ListenerId};

/// What a listener listens on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenOn {
    /// One port of one address, or, if the address is unspecified, of all our addresses. Port 0 is
    /// an ephemeral port.
    ///
    /// `[::]` takes IPv4 too, as long as no listener on `0.0.0.0` or on the address itself holds
    /// the port.
    Socket(SocketAddr),
    /// Every port of our addresses, for a proxy; after every listener on a socket.
    AnyPort,
    /// Every port of every address, ours or not, for a proxy; after every other listener.
    Anything,
}

/// A key of the table. Ordered, so that nothing depends on a hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    Socket { address: IpAddr, zone: u32, port: u16 },
    AnyPort,
    Anything,
}

/// The listeners, by name and by what they listen on.
#[derive(Clone, Debug, Default)]
pub(super) struct Listeners {
    slots: Vec<Slot>,
    free: Vec<u32>,
    places: BTreeMap<Place, ListenerId>,
}

#[derive(Clone, Debug)]
struct Slot {
    generation: u32,
    taken: Option<(Place, Listener)>,
}

impl Listeners {
    /// The listener of this name; `None` for a stale one.
    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        let slot = self.slots.get_mut(id.index())?;
        let current = slot.generation == id.generation();
        slot.taken.as_mut().filter(|_| current).map(|(_, listener)| listener)
    }

    /// The listener of this name, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn get(&self, id: ListenerId) -> Option<&Listener> {
        let slot = self.slots.get(id.index())?;
        let current = slot.generation == id.generation();
        slot.taken.as_ref().filter(|_| current).map(|(_, listener)| listener)
    }

    /// The names of all listeners, for assertions.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn ids(&self) -> impl Iterator<Item = ListenerId> {
        self.places.values().copied()
    }

    /// What the listener of this name listens on; `None` for a stale one.
    pub(super) fn on(&self, id: ListenerId) -> Option<ListenOn> {
        let slot = self.slots.get(id.index())?;
        let (place, _) = slot.taken.as_ref().filter(|_| slot.generation == id.generation())?;
        Some(match *place {
            Place::Socket { address, zone, port } => {
                let mut socket = SocketAddr::new(address, port);
                if let SocketAddr::V6(v6) = &mut socket {
                    v6.set_scope_id(zone);
                }
                ListenOn::Socket(socket)
            }
            Place::AnyPort => ListenOn::AnyPort,
            Place::Anything => ListenOn::Anything,
        })
    }

    /// Whether a listener holds exactly this.
    pub(super) fn is_taken(&self, on: ListenOn) -> bool {
        self.places.contains_key(&Place::of(on))
    }

    /// Whether any listener holds this port of `address`, or of all addresses.
    pub(super) fn holds_port(&self, address: IpAddr, port: u16) -> bool {
        let here = |address| self.is_taken(ListenOn::Socket(SocketAddr::new(address, port)));
        let [first, second] = wildcards(address);
        here(address) || here(first) || here(second)
    }

    /// Adds a listener on what nobody holds.
    pub(super) fn insert(&mut self, on: ListenOn, listener: Listener) -> ListenerId {
        let place = Place::of(on);
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, taken: None });
                (self.slots.len() - 1) as u32
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.taken = Some((place, listener));
        let id = ListenerId::new(index, slot.generation);
        self.places.insert(place, id);
        id
    }

    /// Takes a listener out.
    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        self.get_mut(id)?;
        let slot = self.slots.get_mut(id.index())?;
        let (place, listener) = slot.taken.take()?;
        // A place whose names are used up stays empty, so that no name is given twice.
        if let Some(generation) = slot.generation.checked_add(1) {
            slot.generation = generation;
            self.free.push(id.index() as u32);
        }
        self.places.remove(&place);
        Some(listener)
    }

    /// The listener for a segment to `local`: the one on the exact address, then one on all
    /// addresses, then those that take any port, or anything.
    ///
    /// Source: SM-PRE-3.
    pub(super) fn find(&self, local: SocketAddr, ownership: Ownership) -> Option<ListenerId> {
        let anything = Place::Anything;
        if ownership == Ownership::Foreign {
            return self.places.get(&anything).copied();
        }
        let port = local.port();
        let socket = |address, zone| Place::Socket { address, zone, port };
        let [first, second] = wildcards(local.ip());
        let places = [
            socket(local.ip(), zone_of(local)),
            socket(local.ip(), 0),
            socket(first, 0),
            socket(second, 0),
            Place::AnyPort,
            anything,
        ];
        places.iter().find_map(|place| self.places.get(place).copied())
    }
}

impl Place {
    fn of(on: ListenOn) -> Self {
        match on {
            ListenOn::Socket(socket) => {
                Self::Socket { address: socket.ip(), zone: zone_of(socket), port: socket.port() }
            }
            ListenOn::AnyPort => Self::AnyPort,
            ListenOn::Anything => Self::Anything,
        }
    }
}

/// The unspecified addresses that stand for `address` too, in the order of their claim.
fn wildcards(address: IpAddr) -> [IpAddr; 2] {
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    match address {
        IpAddr::V4(_) => [v4, v6],
        IpAddr::V6(_) => [v6, v6],
    }
}

#[cfg(test)]
mod tests;
