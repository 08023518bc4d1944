//! QR codes as the path of an inline SVG, drawn by the server: nothing else sees what they hold.

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code, by ISO/IEC 18004.
const QUIET: usize = 4;

/// A QR code, in modules.
pub struct Qr {
    /// Width and height, with the quiet zone.
    pub size: usize,
    /// The dark modules, for the attribute `d` of a path.
    pub path: String,
}

impl Qr {
    /// Encodes a text of at most some 2000 bytes; `None` if it is longer. A seventh of the code may be
    /// dirty or torn (error correction M).
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, other| one == other) {
                if run[0] == Color::Dark {
                    let (left, top, long) = (x + QUIET, y + QUIET, run.len());
                    path += &format!("M{left} {top}h{long}v1h-{long}z");
                }
                x += run.len();
            }
        }
        Some(Self {
            size: width + 2 * QUIET,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What another library reads from the path, drawn with `scale` pixels for a module.
    fn scanned(qr: &Qr, scale: usize) -> String {
        let mut dark = vec![vec![false; qr.size]; qr.size];
        for run in qr.path.split('M').skip(1) {
            let mut numbers = run
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|it| it.parse::<usize>().ok());
            let mut next = || numbers.next().unwrap();
            let (x, y, long) = (next(), next(), next());
            dark[y][x..x + long].fill(true);
        }
        let side = qr.size * scale;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            if dark[y / scale][x / scale] { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn another_library_reads_what_was_encoded() {
        for text in [
            "https://wifi.example/voucher#K7QMX2PA",
            "https://a-rather-long-name-of-a-hotspot.some-provider.example:8443/voucher#23456789",
        ] {
            for scale in [2, 5] {
                assert_eq!(scanned(&Qr::of(text).unwrap(), scale), text);
            }
        }
        assert!(Qr::of(&"x".repeat(3_000)).is_none());
    }

    #[test]
    fn the_quiet_zone_is_four_modules_wide() {
        let qr = Qr::of("https://wifi.example/voucher#K7QMX2PA").unwrap();

        assert_eq!(qr.size, 29 + 8, "version 3");
        assert!(qr.path.starts_with("M4 4h7v1h-7z"), "{}", qr.path);
    }
}
