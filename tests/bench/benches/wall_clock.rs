//! Time of single operations, on the clock of the machine: `cargo bench --bench wall_clock`.

use divan::Bencher;
use divan::counter::ItemsCount;
use synack_bench::Family::{V4, V6};
use synack_bench::operations::*;
use tokio::runtime::{Builder, Runtime};

/// A benchmark for each operation; the time of each is that of all times it is done.
macro_rules! timed {
    ($($often:ident $name:ident: $operation:ident { $($case:ident = $ready:expr),+ $(,)? })+) => {
        $(
            mod $name {
                use super::*;
                $(
                    #[divan::bench(sample_count = 50, sample_size = 1)]
                    fn $case(bencher: Bencher<'_, '_>) {
                        $often(bencher, || -> $operation { $ready });
                    }
                )+
            }
        )+
    };
}

synack_bench::each_operation!(timed);

/// Runs one operation again and again.
fn again<O: Operation>(bencher: Bencher<'_, '_>, ready: impl Fn() -> O) {
    let mut operation = ready();
    bencher.counter(ItemsCount::new(TIMES)).bench_local(|| operation.run());
}

/// Makes an operation ready for each time that it is run. That takes longer than it.
fn once<O: Operation>(bencher: Bencher<'_, '_>, ready: impl Fn() -> O) {
    let bencher = bencher.counter(ItemsCount::new(TIMES)).with_inputs(ready);
    bencher.bench_local_refs(|operation| operation.run());
}

/// A runtime in this thread that waits for no real clock.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn main() {
    divan::main();
}
