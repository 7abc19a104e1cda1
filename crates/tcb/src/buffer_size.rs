//! How many octets a buffer may hold: a number that stays, or one that grows with the path.

/// The largest buffer a window can offer: 65535 * 2^14 octets (RFC 7323 §2.3, WS-8).
pub const BUFFER_LEN_MAX: usize = 65_535 << 14;

/// How many octets a buffer may hold. Units: octets.
///
/// A plain number is a [`Fixed`](Self::Fixed) size, as `SO_RCVBUF` and `SO_SNDBUF` are: whoever
/// sets one knows better (RBUF-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BufferSize {
    /// This many, whatever the path could carry.
    Fixed(usize),
    /// As many as the path is seen to need. It never takes back what it gave.
    Auto {
        /// From the beginning.
        initial: usize,
        /// At the most; no less than `initial`.
        max: usize,
    },
}

impl BufferSize {
    /// What a receive buffer is by default: from 1 MiB, several batches of a fast device, so that a
    /// sender nearby need not wait for one to be acknowledged, to 6 MiB (RBUF-3).
    pub const RECEIVE_DEFAULT: Self = Self::Auto { initial: 1 << 20, max: 6 << 20 };
    /// What a send buffer is by default: from 512 KiB, which spares writers of short answers any
    /// waiting, to 4 MiB (RBUF-8), the most that Linux has.
    pub const SEND_DEFAULT: Self = Self::Auto { initial: 512 << 10, max: 4 << 20 };

    /// What it is from the beginning.
    pub const fn initial(self) -> usize {
        match self {
            Self::Fixed(octets) => octets,
            Self::Auto { initial, .. } => initial,
        }
    }

    /// What it may become.
    pub const fn max(self) -> usize {
        match self {
            Self::Fixed(octets) => octets,
            Self::Auto { max, .. } => max,
        }
    }

    /// What it is once the path was seen to need `wanted`.
    pub(crate) fn limit(self, wanted: u32) -> usize {
        match self {
            Self::Fixed(octets) => octets,
            Self::Auto { initial, max } => (wanted as usize).clamp(initial, max),
        }
    }

    /// It, with every number in the range that a window can offer, and in order.
    pub(crate) fn clamped(self) -> Self {
        match self {
            Self::Fixed(octets) => Self::Fixed(octets.clamp(1, BUFFER_LEN_MAX)),
            Self::Auto { initial, max } => {
                let initial = initial.clamp(1, BUFFER_LEN_MAX);
                Self::Auto { initial, max: max.clamp(initial, BUFFER_LEN_MAX) }
            }
        }
    }
}

impl From<usize> for BufferSize {
    fn from(octets: usize) -> Self {
        Self::Fixed(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rbuf_3_rbuf_6_a_limit_stays_between_its_bounds_and_a_fixed_one_stays() {
        let auto = BufferSize::Auto { initial: 100, max: 1_000 };
        for (case, size, wanted, limit) in [
            ("nothing is known yet", auto, 0, 100),
            ("less is wanted", auto, 99, 100),
            ("more is wanted", auto, 101, 101),
            ("too much is wanted", auto, u32::MAX, 1_000),
            ("fixed, and less is wanted", 500.into(), 0, 500),
            ("fixed, and more is wanted", 500.into(), 1_000, 500),
        ] {
            assert_eq!(size.limit(wanted), limit, "{case}");
        }
    }

    #[test]
    fn ws_8_whatever_is_configured_a_window_can_offer_it() {
        for (size, clamped) in [
            (BufferSize::Fixed(0), BufferSize::Fixed(1)),
            (BufferSize::Fixed(usize::MAX), BufferSize::Fixed(BUFFER_LEN_MAX)),
            (BufferSize::Auto { initial: 0, max: 0 }, BufferSize::Auto { initial: 1, max: 1 }),
            (BufferSize::Auto { initial: 9, max: 8 }, BufferSize::Auto { initial: 9, max: 9 }),
            (BufferSize::RECEIVE_DEFAULT, BufferSize::RECEIVE_DEFAULT),
        ] {
            assert_eq!(size.clamped(), clamped);
        }
    }
}
