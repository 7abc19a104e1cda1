//! `synack-bench`: measures synack beside its peers and the ceiling of the machine.

mod acks;
mod clock;
mod kernel;
mod kernel_tcp;
mod memory;
#[cfg(feature = "peers")]
mod memory_link;
mod paper;
mod peers;
mod protocol;
mod rows;
mod serve;
mod shards;
mod spread;
mod stacks;
mod tun;
mod wan;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "synack-bench", about = "Measures synack beside its peers and the ceiling")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what an ACK costs with few and with many packets in flight
    Acks(acks::Arguments),
    /// Move streams between the kernel's TCP and ours, every octet of them right
    Kernel(kernel::Arguments),
    /// Measure two endpoints joined in memory, ours beside those of smoltcp
    #[cfg(feature = "peers")]
    MemoryLink(memory_link::Arguments),
    /// Measure what idle connections take, with a peer that has no state
    Memory(memory::Arguments),
    /// Measure every stack behind a TUN device, driven by the TCP of the kernel
    Peers(peers::Arguments),
    /// Serve the protocol of the benchmarks on synack behind a TUN device
    Serve(serve::Arguments),
    /// Measure what more shards on more threads are worth
    Shards(shards::Arguments),
    /// Measure TCPs over emulated paths with delay, loss and reordering
    Wan(wan::Arguments),
    /// Be one of the stacks that `peers` measures
    #[command(subcommand, hide = true)]
    Stack(stacks::Stack),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Acks(arguments) => {
            acks::run(&arguments);
            Ok(())
        }
        Command::Kernel(arguments) => kernel::run(&arguments),
        #[cfg(feature = "peers")]
        Command::MemoryLink(arguments) => memory_link::run(&arguments),
        Command::Memory(arguments) => memory::run(&arguments),
        Command::Peers(arguments) => peers::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Shards(arguments) => shards::run(&arguments),
        Command::Wan(arguments) => wan::run(&arguments),
        Command::Stack(stack) => stacks::run(stack),
    }
}
