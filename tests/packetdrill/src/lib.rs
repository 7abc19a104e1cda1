//! The interface by which packetdrill drives a TCP in a shared object, over the simulated host.
//!
//! packetdrill loads the library, hands it a string of flags and a table to fill with functions,
//! and from then on makes every socket call, injects every packet and reads every clock through
//! that table. `docs/packetdrill.md` says how to use it. The library may also be preloaded, so that
//! calls which packetdrill makes past the table, with descriptors of ours, come here too.
//!
//! Unsafe code stands where octets cross the border to C, in `border`, `interface` and `preload`.

mod blocking;
mod border;
mod calls;
mod flags;
mod interface;
mod preload;
mod world;
