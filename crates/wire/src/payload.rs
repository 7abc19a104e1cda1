//! The text of a segment: a short rope of shared slices, so that sending gathers and never copies.

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes};

/// The most slices a payload gathers; the sender copies a range that would take more.
///
/// Two: a super-segment of 64 KiB spans at most two blocks of that size, and every slice more makes
/// each packet larger to move.
pub const PAYLOAD_SLICES_MAX: usize = 2;

/// Octets in up to [`PAYLOAD_SLICES_MAX`] shared slices. No slice is empty.
///
/// Two payloads are equal if their octets are, however they are cut.
#[derive(Clone, Default)]
pub struct Payload {
    slices: ArrayVec<Bytes, PAYLOAD_SLICES_MAX>,
    len: u32,
}

impl Payload {
    /// A payload without octets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Octets in all slices together.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are no octets.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slices, in order.
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    /// Appends a slice, or gives it back when there is no place for another.
    ///
    /// # Errors
    /// The slice itself, when the payload already has [`PAYLOAD_SLICES_MAX`] slices or its length
    /// would pass `u32::MAX`.
    pub fn try_push(&mut self, slice: Bytes) -> Result<(), Bytes> {
        if slice.is_empty() {
            return Ok(());
        }
        let Some(len) = u32::try_from(slice.len()).ok().and_then(|n| self.len.checked_add(n))
        else {
            return Err(slice);
        };
        self.slices.try_push(slice).map_err(arrayvec::CapacityError::element)?;
        self.len = len;
        Ok(())
    }

    /// Takes out the first slice.
    pub fn pop_first(&mut self) -> Option<Bytes> {
        let slice = self.slices.pop_at(0)?;
        // No slice is longer than the whole, whose length is a `u32`.
        self.len = self.len.saturating_sub(u32::try_from(slice.len()).unwrap_or(u32::MAX));
        Some(slice)
    }

    /// Drops the first `octets`; all of them when there are fewer.
    pub fn advance(&mut self, octets: u32) {
        let mut left = octets.min(self.len) as usize;
        self.len = self.len.saturating_sub(octets);
        while left > 0 {
            let Some(first) = self.slices.first_mut() else { return };
            if left < first.len() {
                first.advance(left);
                return;
            }
            left = left.saturating_sub(first.len());
            self.slices.remove(0);
        }
    }

    /// Keeps the first `octets` and drops the rest.
    pub fn truncate(&mut self, octets: u32) {
        let mut excess = self.len.saturating_sub(octets) as usize;
        self.len = self.len.min(octets);
        while excess > 0 {
            let Some(last) = self.slices.last_mut() else { return };
            if excess < last.len() {
                last.truncate(last.len().saturating_sub(excess));
                return;
            }
            excess = excess.saturating_sub(last.len());
            self.slices.pop();
        }
    }

    /// Copies all octets into one vector.
    pub fn to_vec(&self) -> alloc::vec::Vec<u8> {
        self.slices.concat()
    }
}

/// A payload of one slice, which is shorter than 4 GiB, as any packet is.
impl From<Bytes> for Payload {
    #[inline]
    fn from(slice: Bytes) -> Self {
        let mut slices = ArrayVec::new();
        let len = u32::try_from(slice.len()).unwrap_or_default();
        debug_assert_eq!(len as usize, slice.len(), "a slice of 4 GiB is no segment");
        if len > 0 {
            slices.push(slice);
        }
        Self { slices, len }
    }
}

impl IntoIterator for Payload {
    type Item = Bytes;
    type IntoIter = arrayvec::IntoIter<Bytes, PAYLOAD_SLICES_MAX>;
    fn into_iter(self) -> Self::IntoIter {
        self.slices.into_iter()
    }
}

/// The octets are what counts, and not how they are sliced.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        if self.len != other.len {
            return false;
        }
        let mut theirs = other.slices.iter();
        let mut expected: &[u8] = &[];
        for slice in &self.slices {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                if expected.is_empty() {
                    let Some(next) = theirs.next() else { return false };
                    expected = next;
                    continue;
                }
                let (ours, later) = rest.split_at(rest.len().min(expected.len()));
                let (other, left) = expected.split_at(ours.len());
                if ours != other {
                    return false;
                }
                (rest, expected) = (later, left);
            }
        }
        true
    }
}

impl Eq for Payload {}

impl core::fmt::Debug for Payload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} octets in {} slices", self.len, self.slices.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(parts: &[&'static str]) -> Payload {
        let mut payload = Payload::new();
        for part in parts {
            payload.try_push(Bytes::from_static(part.as_bytes())).unwrap();
        }
        payload
    }

    #[test]
    fn trimming_at_every_place_keeps_the_right_octets() {
        let text = b"abcdefghij";
        for front in 0..=12u32 {
            for keep in 0..=12u32 {
                let mut payload = rope(&["abcd", "efghij"]);
                payload.advance(front);
                payload.truncate(keep);
                let from = text.len().min(front as usize);
                let to = text.len().min(from + keep as usize);
                assert_eq!(payload.to_vec(), &text[from..to], "advance {front}, truncate {keep}");
                assert_eq!(payload.len() as usize, to - from);
                assert!(payload.slices().iter().all(|slice| !slice.is_empty()));
            }
        }
    }

    #[test]
    fn a_slice_too_many_is_given_back_and_an_empty_one_takes_no_place() {
        let mut payload = rope(&["a", "", "b"]);
        assert_eq!(payload.slices().len(), 2);
        assert_eq!(payload.try_push(Bytes::from_static(b"c")), Err(Bytes::from_static(b"c")));
        assert_eq!(payload.to_vec(), b"ab");
    }

    #[test]
    fn equality_looks_at_octets_and_not_at_cuts() {
        assert_eq!(rope(&["ab", "c"]), rope(&["a", "bc"]));
        assert_ne!(rope(&["ab"]), rope(&["ac"]));
        assert_ne!(rope(&["ab", "cd"]), rope(&["a", "bce"]));
        assert_ne!(rope(&["ab"]), rope(&["abc"]));
    }
}
