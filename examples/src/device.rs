//! The device of an example, by its arguments: a TUN device, and the kernel's end of it.

use std::net::IpAddr;

use clap::Args;
use synack::{IpNet, Stack, TunDevice};
use tokio_tun::Tun;

/// Where an example's stack lives.
///
/// By default it makes a TUN device whose kernel side is 10.9.0.1/24, which takes root. In a
/// network namespace of your own it works the same.
#[derive(Args, Clone, Debug)]
pub struct Device {
    /// The TUN device; made if there is none of that name.
    #[arg(long, default_value = "synack0")]
    pub tun: String,
    /// An address of the stack, with its prefix; may be given several times.
    #[arg(long, default_values = ["10.9.0.2/24", "fd09::2/64"])]
    pub address: Vec<IpNet>,
    /// The IPv4 address to give to the kernel's side of a new device, with a prefix of /24.
    #[arg(long, default_value = "10.9.0.1")]
    pub kernel: std::net::Ipv4Addr,
    /// A device that exists is used as it is: neither address nor MTU of the kernel's side change.
    #[arg(long)]
    pub existing: bool,
}

impl Device {
    /// A stack on the device.
    ///
    /// # Errors
    /// What the kernel says of the device, or the stack of its addresses.
    pub fn stack(&self) -> anyhow::Result<Stack> {
        let device = if self.existing {
            TunDevice::open(&self.tun)?
        } else {
            let tun = Tun::builder().name(&self.tun).address(self.kernel);
            let mut queues = tun.netmask([255, 255, 255, 0].into()).up().build()?;
            TunDevice::new(queues.pop().ok_or_else(|| anyhow::anyhow!("no TUN device"))?)?
        };
        let mut builder = Stack::builder().device(device);
        for address in &self.address {
            builder = builder.address(*address);
        }
        Ok(builder.spawn()?)
    }

    /// The first address of the stack.
    pub fn first_address(&self) -> Option<IpAddr> {
        self.address.first().map(IpNet::addr)
    }
}
