//! Pattern: octets that can be computed for any offset, so a stream can be checked as it arrives.

/// An endless stream of octets that depends on a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern(u64);

impl Pattern {
    /// The stream of `key`.
    pub const fn new(key: u64) -> Self {
        Self(key)
    }

    /// The octets of the stream from `offset` on, into all of `octets`.
    pub fn fill(self, offset: u64, octets: &mut [u8]) {
        let mut at = offset;
        let mut rest = octets;
        while !rest.is_empty() {
            let word = self.word(at / 8).to_le_bytes();
            let word = &word[(at % 8) as usize..];
            let count = word.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&word[..count]);
            at += count as u64;
            rest = later;
        }
    }

    /// The index of the first of `octets` that is not the stream's from `offset` on.
    pub fn difference(self, offset: u64, octets: &[u8]) -> Option<usize> {
        let mut expected = [0; 512];
        let mut at = 0;
        for part in octets.chunks(expected.len()) {
            let expected = &mut expected[..part.len()];
            self.fill(offset + at as u64, expected);
            if let Some(index) = (part != expected)
                .then(|| part.iter().zip(&*expected).position(|(a, b)| a != b))
                .flatten()
            {
                return Some(at + index);
            }
            at += part.len();
        }
        None
    }

    /// The `index`th eight octets: SplitMix64, whose every output is a bijection of its input.
    fn word(self, index: u64) -> u64 {
        let mut z = self.0.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_the_stream_is_found_alike() {
        let pattern = Pattern::new(9);
        let mut all = [0; 2_000];
        pattern.fill(0, &mut all);
        for (from, to) in [(0, 2_000), (1, 9), (7, 8), (8, 8), (513, 1_999)] {
            let mut part = vec![0; to - from];
            pattern.fill(from as u64, &mut part);
            assert_eq!(part, all[from..to]);
            assert_eq!(pattern.difference(from as u64, &part), None);
        }
        all[1_234] ^= 1;
        assert_eq!(pattern.difference(0, &all), Some(1_234));
        assert!(pattern.difference(1, &all[..100]).is_some());
        assert!(Pattern::new(10).difference(0, &all).is_some());
    }
}
