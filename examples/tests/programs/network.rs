//! The private network of a test: the device of an example, and the kernel's end of it.

use synack_netns::Interface;
use tokio_tun::Tun;

/// The name that the examples give to their device.
const DEVICE: &str = "synack0";
const KERNEL_V4: &str = "10.9.0.1/24";
const KERNEL_V6: &str = "fd09::1/64";

/// The addresses of the kernel, and of the stack of an example by default; as in a URL.
pub(crate) const KERNEL: [&str; 2] = ["10.9.0.1", "[fd09::1]"];
pub(crate) const STACK: [&str; 2] = ["10.9.0.2", "[fd09::2]"];

/// Makes the device and gives the kernel both addresses, for an example with `--existing`.
pub(crate) fn make_device() -> Interface {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _context = runtime.enter();
    let open = Tun::builder().name(DEVICE).persist().up().build().unwrap();
    let interface = Interface::named(DEVICE).unwrap();
    // IPv6 begins on a device that carries packets, which a TUN device does while it is open.
    for address in [KERNEL_V4, KERNEL_V6] {
        interface.add_address(address.parse().unwrap()).unwrap();
    }
    drop(open);
    interface
}

/// Gives the kernel its IPv6 address on the device that an example has made.
pub(crate) fn add_ipv6() {
    let interface = Interface::named(DEVICE).unwrap();
    interface.add_address(KERNEL_V6.parse().unwrap()).unwrap();
}
