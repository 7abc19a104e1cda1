//! What a process has used, as the kernel counts it.

use std::fs;
use std::io;

/// CPU time of all threads of a process.
///
/// Units: seconds, counted in nanoseconds. Source: `schedstat` in proc(5).
pub(super) fn cpu_seconds(process: u32) -> io::Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += first_number(&text)?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// Memory of a process that is in RAM, in KiB.
pub(crate) fn resident_kib(process: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(first_number(line.unwrap_or_default())? as f64)
}

fn first_number(text: &str) -> io::Result<u64> {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no number: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory_and_time() {
        let process = std::process::id();
        let before = cpu_seconds(process).unwrap();
        let mut sum = 0_u64;
        while cpu_seconds(process).unwrap() - before < 0.01 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(resident_kib(process).unwrap() > 100.0);
    }
}
