//! Compression of answers with the codings that browsers understand, in pure Rust.

use std::io::Write;
use std::sync::OnceLock;

use brotli::BrotliCompress;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A content coding (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Smaller. Browsers only accept it by HTTPS.
    Brotli,
    Gzip,
}

/// How much time the smallest result is worth.
#[derive(Clone, Copy)]
pub enum Effort {
    /// For a body that is compressed for each answer: some tens of microseconds per KB.
    Quick,
    /// For a body that is compressed once and kept.
    Best,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The compressed body.
    pub fn encode(self, body: &[u8], effort: Effort) -> Vec<u8> {
        let compressed = match self {
            Self::Brotli => brotli(body, effort),
            Self::Gzip => gzip(body, effort),
        };
        compressed.expect("a vector is written, which does not fail")
    }
}

/// One body in each coding: compressed at the first request for it, and kept.
#[derive(Default)]
pub struct Compressed {
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

impl Compressed {
    /// `body`, which is the same at each call, in this coding.
    pub fn of(&self, body: &[u8], coding: Coding, effort: Effort) -> Bytes {
        let kept = match coding {
            Coding::Gzip => &self.gzip,
            Coding::Brotli => &self.brotli,
        };
        kept.get_or_init(|| coding.encode(body, effort).into())
            .clone()
    }
}

fn brotli(mut body: &[u8], effort: Effort) -> std::io::Result<Vec<u8>> {
    // The window is as small as the body, because memory for all of it is allocated.
    let window_bits = (body.len().max(1).ilog2() + 1).clamp(10, 20);
    let params = BrotliEncoderParams {
        quality: match effort {
            Effort::Quick => 4,
            Effort::Best => 11,
        },
        lgwin: window_bits.cast_signed(),
        size_hint: body.len(),
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::with_capacity(body.len() / 3);
    BrotliCompress(&mut body, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(body: &[u8], effort: Effort) -> std::io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Quick => 5,
        Effort::Best => 9,
    };
    let compressed = Vec::with_capacity(body.len() / 3);
    let mut encoder = GzEncoder::new(compressed, Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_compressed_is_smaller_and_reads_back() {
        let text = include_str!("assets/style.css");
        for (body, effort) in [
            (text, Effort::Best),
            (text, Effort::Quick),
            (&text.repeat(100), Effort::Quick),
            ("", Effort::Quick),
            ("a", Effort::Best),
        ] {
            let [gzip, brotli] =
                [Coding::Gzip, Coding::Brotli].map(|coding| coding.encode(body.as_bytes(), effort));

            let mut read = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&gzip[..]);
            decoder.read_to_string(&mut read).unwrap();
            assert_eq!(read, body);
            let mut read = Vec::new();
            brotli::BrotliDecompress(&mut &brotli[..], &mut read).unwrap();
            assert_eq!(read, body.as_bytes());
            for compressed in [gzip, brotli] {
                assert!(body.len() < 1_000 || compressed.len() < body.len() / 3);
            }
        }
    }
}
