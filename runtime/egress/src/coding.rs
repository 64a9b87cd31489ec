//! Bodies unpacked as they come, a piece at a time.
//!
//! Owns `gzip` and `deflate` (RFC 1950 to 1952, RFC 9110 section 8.4.1). A piece of what is unpacked has
//! a bound, whatever it was packed from, so that a bomb takes no more room than a file does.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

/// The longest piece that is unpacked at once.
const PIECE_BYTES: usize = 32 * 1024;
const WINDOW_BITS: u8 = 15;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks a body.
pub(crate) struct Decoder {
    coding: Coding,
    inflater: Option<Decompress>,
    /// The first byte, where the coding can be told from two alone.
    first: Option<u8>,
    at: At,
    /// Where what is unpacked is put.
    piece: Box<[u8]>,
    /// Whether the last piece was as long as it can be, so that more may follow without further input.
    was_full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a member; the first may be missing as well: some mark empty bodies as packed.
    Between,
    Within,
    /// Past all that counts: some pad with zeros.
    Padding,
}

/// What came is not packed as was said, or is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not packed as its `content-encoding` says, or is cut")]
pub(crate) struct BadCoding;

impl Decoder {
    /// Returns what unpacks a coding; nothing when that is not known.
    pub(crate) fn of(content_encoding: &str) -> Option<Self> {
        let coding = match content_encoding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            _ => return None,
        };
        let piece = vec![0; PIECE_BYTES].into_boxed_slice();
        Some(Self { coding, inflater: None, first: None, at: At::Between, piece, was_full: false })
    }

    /// Unpacks a piece of what is packed, and takes that off its front. Empty when there is no more to
    /// say without further input, and all was taken.
    pub(crate) fn decode(&mut self, packed: &mut Bytes) -> Result<Bytes, BadCoding> {
        while self.at != At::Padding && (!packed.is_empty() || self.was_full) {
            if self.at == At::Between {
                self.was_full = false;
                if packed.is_empty() {
                    break;
                }
                self.begin(packed)?;
                continue;
            }
            let Some(inflater) = &mut self.inflater else { return Err(BadCoding) };
            let (before_in, before_out) = (inflater.total_in(), inflater.total_out());
            let status = inflater
                .decompress(packed, &mut self.piece, FlushDecompress::None)
                .map_err(|_| BadCoding)?;
            let taken = usize::try_from(inflater.total_in() - before_in).map_err(|_| BadCoding)?;
            let made = usize::try_from(inflater.total_out() - before_out).map_err(|_| BadCoding)?;
            packed.advance(taken);
            match status {
                Status::StreamEnd if self.coding == Coding::Gzip => self.at = At::Between,
                Status::StreamEnd => self.at = At::Padding,
                Status::Ok | Status::BufError if taken == 0 && made == 0 && !self.was_full => {
                    return Err(BadCoding);
                }
                Status::Ok | Status::BufError => {}
            }
            self.was_full = made == PIECE_BYTES;
            if made > 0 {
                // Copied, so that a short piece does not hold on to the room for a long one.
                return Ok(Bytes::copy_from_slice(&self.piece[..made]));
            }
        }
        if self.at == At::Padding {
            packed.clear();
        }
        Ok(Bytes::new())
    }

    /// Looks at the first two bytes of a member.
    fn begin(&mut self, packed: &mut Bytes) -> Result<(), BadCoding> {
        let Some(first) = self.first else {
            self.first = Some(packed.get_u8());
            return Ok(());
        };
        let both = [first, packed[0]];
        self.first = None;
        let mut inflater = match self.coding {
            Coding::Gzip if both == GZIP_MAGIC => Decompress::new_gzip(WINDOW_BITS),
            Coding::Gzip if self.inflater.is_some() => {
                self.at = At::Padding;
                return Ok(());
            }
            Coding::Gzip => return Err(BadCoding),
            // Some send it without the header that the standard asks for.
            Coding::Deflate => {
                let has_header = first & 0x0f == 8 && u16::from_be_bytes(both).is_multiple_of(31);
                Decompress::new(has_header)
            }
        };
        let mut nothing = [0; 0];
        inflater
            .decompress(&[first], &mut nothing, FlushDecompress::None)
            .map_err(|_| BadCoding)?;
        if inflater.total_in() != 1 {
            return Err(BadCoding);
        }
        self.inflater = Some(inflater);
        self.at = At::Within;
        Ok(())
    }

    /// Checks that the body ends here.
    pub(crate) fn finish(&self) -> Result<(), BadCoding> {
        let is_cut = self.at == At::Within
            || (self.at == At::Between && self.first.is_some() && self.inflater.is_none());
        if is_cut { Err(BadCoding) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Unpacks what comes in pieces of a length.
    fn unpack(coding: &str, packed: &[u8], length: usize) -> Result<Vec<u8>, BadCoding> {
        let mut decoder = Decoder::of(coding).unwrap();
        let mut all = Vec::new();
        for part in packed.chunks(length) {
            let mut part = Bytes::copy_from_slice(part);
            while !part.is_empty() {
                all.extend(decoder.decode(&mut part)?);
            }
        }
        loop {
            let piece = decoder.decode(&mut Bytes::new())?;
            if piece.is_empty() {
                break;
            }
            all.extend(piece);
        }
        decoder.finish()?;
        Ok(all)
    }

    fn text() -> Vec<u8> {
        (0..200_000_u32).flat_map(|number| (number % 977).to_string().into_bytes()).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked_however_it_is_cut() {
        let text = text();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&text).unwrap();
        let raw = raw.finish().unwrap();
        for length in [1, 2, 3, 1_000, usize::MAX] {
            assert!(unpack("gzip", &gzip(&text), length).unwrap() == text, "{length}");
            assert!(unpack("deflate", &zlib, length).unwrap() == text, "{length}");
            assert!(unpack("deflate", &raw, length).unwrap() == text, "{length}");
        }
    }

    #[test]
    fn members_follow_one_another_and_padding_is_passed_over() {
        let mut packed = gzip(b"one ");
        packed.extend(gzip(b"two"));
        packed.extend([0; 100]);
        for length in [1, 7, usize::MAX] {
            assert_eq!(unpack("X-GZIP", &packed, length).unwrap(), b"one two");
        }
    }

    #[test]
    fn what_is_cut_or_no_such_thing_is_an_error_and_nothing_is_nothing() {
        let packed = gzip(&text());
        assert_eq!(unpack("gzip", &packed[..packed.len() - 1], 100), Err(BadCoding));
        assert_eq!(unpack("gzip", &packed[..1], 100), Err(BadCoding));
        assert_eq!(unpack("gzip", b"plain text", 100), Err(BadCoding));
        let mut wrong = packed.clone();
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        assert_eq!(unpack("gzip", &wrong, 100), Err(BadCoding), "the checksum is looked at");
        assert_eq!(unpack("gzip", b"", 100).unwrap(), b"");
        assert!(Decoder::of("br").is_none());
        assert!(Decoder::of("gzip, gzip").is_none());
    }

    #[test]
    fn a_bomb_comes_in_pieces_and_takes_what_was_packed_alone() {
        let mut packed = Bytes::from(gzip(&vec![0; 8 << 20]));
        assert!(packed.len() < 20_000);
        let mut decoder = Decoder::of("gzip").unwrap();
        let mut bytes = 0;
        loop {
            let piece = decoder.decode(&mut packed).unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            if piece.is_empty() {
                break;
            }
            bytes += piece.len();
        }
        decoder.finish().unwrap();
        assert_eq!(bytes, 8 << 20);
    }
}
