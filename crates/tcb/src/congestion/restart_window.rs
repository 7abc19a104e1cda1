//! The restart window: how much may leave at once after an idle time.

use super::initial_window;

/// The initial window, until one of those that began with it, or with a restart, met a loss; then
/// the smaller one of RFC 3390, for the rest of the connection.
///
/// Source: RFC 5681 §4.1 (CC-22); RFC 6928 §2 (IW-4, IW-5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RestartWindow {
    /// What is left to be acknowledged of the window that began last. Units: octets.
    unproven: u32,
    /// A loss was met in such a window.
    cautious: bool,
}

impl RestartWindow {
    /// A connection begins with a window of `cwnd` octets.
    pub(crate) const fn new(cwnd: u32) -> Self {
        Self { unproven: cwnd, cautious: false }
    }

    /// Octets were acknowledged.
    pub(crate) fn on_acked(&mut self, acked_bytes: u32) {
        self.unproven = self.unproven.saturating_sub(acked_bytes);
    }

    /// A loss was met while `flight_size` octets were in flight.
    pub(crate) fn on_loss(&mut self, flight_size: u32) {
        self.cautious |= self.unproven > 0 && flight_size > HARMLESS;
        self.unproven = 0;
    }

    /// Sending begins again: what is left of `cwnd`. Units: octets.
    pub(crate) fn restart(&mut self, cwnd: u32, mss: u32) -> u32 {
        let most = if self.cautious { cautious_window(mss) } else { initial_window(mss) };
        self.unproven = cwnd.min(most);
        self.unproven
    }
}

/// Two to four segments, by their size. Units: octets.
///
/// Source: RFC 5681 §3.1, as RFC 3390 has it (IW-6).
fn cautious_window(mss: u32) -> u32 {
    let segments = match mss {
        0..=1_095 => 4,
        1_096..=2_190 => 3,
        2_191.. => 2,
    };
    segments * mss
}

/// RFC 6928 §2: what a window may send without blame for a loss. Units: octets.
const HARMLESS: u32 = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iw_5_a_loss_in_an_initial_or_restart_window_makes_later_ones_small() {
        for (case, acked, flight_size, window) in [
            ("no more than 4 KiB were sent", 0, 4_096, 10_000),
            ("more than 4 KiB", 0, 4_097, 4_000),
            ("nearly all of the window had arrived", 9_999, 9_000, 4_000),
            ("it had arrived", 10_000, 9_000, 10_000),
        ] {
            let mut restart = RestartWindow::new(10_000);
            restart.on_acked(acked);
            restart.on_loss(flight_size);
            assert_eq!(restart.restart(50_000, 1_000), window, "{case}");
        }
        let mut restart = RestartWindow::new(10_000);
        restart.on_acked(10_000);
        assert_eq!(restart.restart(50_000, 1_000), 10_000);
        restart.on_loss(10_000);
        assert_eq!(restart.restart(50_000, 1_000), 4_000, "in a restart window");
        restart.on_acked(4_000);
        assert_eq!(restart.restart(3_000, 1_000), 3_000, "never more than cwnd");
    }

    #[test]
    fn iw_6_two_to_four_segments_by_their_size() {
        for (mss, window) in
            [(88, 352), (1_095, 4_380), (1_096, 3_288), (2_190, 6_570), (2_191, 4_382)]
        {
            assert_eq!(cautious_window(mss), window);
        }
    }
}
