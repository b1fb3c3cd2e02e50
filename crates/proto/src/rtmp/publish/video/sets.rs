use bytes::Bytes;

/// All of these are known already.
pub(super) fn is_known(sets: &[Bytes], known: &[Bytes]) -> bool {
    sets.iter().all(|set| known.contains(set))
}

/// Known sets, with new ones in the place of those with the same id.
pub(super) fn merge(known: &[Bytes], new: &[Bytes], id: impl Fn(&[u8]) -> Option<u32>) -> Vec<Bytes> {
    let mut sets = known.to_vec();
    for set in new {
        let set_id = id(set);
        // Copied, so as not to keep the whole frame alive by a few bytes of it.
        let set = Bytes::copy_from_slice(set);
        match sets.iter_mut().find(|known| id(known) == set_id) {
            Some(known) => *known = set,
            None => sets.push(set),
        }
    }
    sets
}

/// The unsigned Exp-Golomb number that begins at byte `at`, up to 255 (H.264 §9.1).
pub(super) fn golomb_at(set: &[u8], at: usize) -> Option<u32> {
    let mut word = [0; 4];
    let bytes = set.get(at..)?.iter().take(4);
    word.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    let word = u32::from_be_bytes(word);
    let zeros = word.leading_zeros();
    (zeros <= 8).then(|| (word >> (31 - 2 * zeros)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_parameter_sets_are_read() {
        assert_eq!(golomb_at(&[0x68, 0x80], 1), Some(0));
        assert_eq!(golomb_at(&[0x68, 0b0100_0000], 1), Some(1));
        assert_eq!(golomb_at(&[0x68, 0b0110_0000], 1), Some(2));
        assert_eq!(golomb_at(&[0x68, 0b0010_0000], 1), Some(3));
        assert_eq!(golomb_at(&[0x68, 0, 0x80, 0, 0], 1), Some(255));
        assert_eq!(golomb_at(&[0x68, 0, 0, 0, 0], 1), None);
        assert_eq!(golomb_at(&[0x68], 1), None);
        assert_eq!(golomb_at(&[], 4), None);
    }
}
