//! Keccak-256 of many messages at once.

use sha3::{Digest, Keccak256};
use zeroize::Zeroizing;

use super::error::{Result, require};
use super::parallel::fill_slice;

/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;
/// Messages a thread should have, about half a microsecond each where they are short.
const GRAIN: usize = 128;

/// The digest of each message; they follow each other in `data`, and message i stops before `ends[i]`.
///
/// Salts are digests too: the result is overwritten when it is dropped.
pub fn keccak256_many(data: &[u8], ends: &[usize]) -> Result<Zeroizing<Vec<[u8; DIGEST_BYTES]>>> {
    require(ends.is_sorted(), || "ends: expected offsets that do not fall".into())?;
    let last = ends.last().copied().unwrap_or(0);
    require(last == data.len(), || format!("ends: expected the last to be {}, got {last}", data.len()))?;
    let mut digests = Zeroizing::new(vec![[0; DIGEST_BYTES]; ends.len()]);
    fill_slice(&mut digests, GRAIN, |messages, part| {
        let mut start = messages.start.checked_sub(1).map_or(0, |previous| ends[previous]);
        for (digest, &end) in part.iter_mut().zip(&ends[messages]) {
            *digest = Keccak256::digest(&data[start..end]).into();
            start = end;
        }
    });
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_that_do_not_fit_are_refused() {
        for ends in [&[2, 1, 3][..], &[3, 4], &[2], &[]] {
            assert!(keccak256_many(b"abc", ends).is_err(), "{ends:?}");
        }
    }

    #[test]
    fn messages_are_hashed_apart() {
        let digests = keccak256_many(b"abcde", &[3, 3, 5]).unwrap();
        assert_eq!(digests.len(), 3);
        assert_eq!(digests[0], <[u8; DIGEST_BYTES]>::from(Keccak256::digest(b"abc")));
        assert_eq!(digests[1], <[u8; DIGEST_BYTES]>::from(Keccak256::digest(b"")));
        assert_eq!(digests[2], <[u8; DIGEST_BYTES]>::from(Keccak256::digest(b"de")));
    }
}
