//! Instructions of single operations, counted by valgrind: `cargo xtask instructions` runs it.
#![allow(missing_docs, reason = "the macros of the library make public modules without a word")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use synack_bench::Family::{V4, V6};
use synack_bench::operations::*;
use tokio::runtime::{Builder, Runtime};

/// A benchmark for each operation: it is made ready, then run, then dropped; only the second is
/// counted.
macro_rules! counted {
    ($($often:ident $name:ident: $operation:ident { $($case:ident = $ready:expr),+ $(,)? })+) => {
        $(
            #[library_benchmark]
            $(#[bench::$case($ready)])+
            fn $name(mut operation: $operation) -> $operation {
                operation.run();
                operation
            }
        )+

        library_benchmark_group!(name = operations, benchmarks = [$($name),+]);
    };
}

synack_bench::each_operation!(counted);

/// A runtime in this thread, whose timers come up at the same point each time.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

main!(library_benchmark_groups = operations);
