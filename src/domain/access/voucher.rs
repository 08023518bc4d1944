//! Vouchers and their codes.

use chrono::{DateTime, Utc};

/// Letters and digits that are not confused when they are read aloud: no I, L, O, 0, 1.
/// Upper case only, because FreeRADIUS compares user names case-sensitively.
pub const ALPHABET: &[u8; 31] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// Characters in a code: 31^8 is 8.5 * 10^11, so that guessing does not pay.
pub const CODE_LENGTH: usize = 8;

/// Voucher code, RADIUS user name and password in one. `Debug` hides it, because a reader of the code
/// could use the Internet that another guest paid for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VoucherCode(String);

impl VoucherCode {
    /// Makes a code of random bytes, each symbol equally likely: bytes that would favour the
    /// first letters are skipped. `None` if there are too few bytes.
    pub fn from_random_bytes(bytes: impl IntoIterator<Item = u8>) -> Option<Self> {
        // 248 is the largest multiple of 31 that fits a byte.
        const FAIR_BELOW: u8 = 248;
        let code: String = bytes
            .into_iter()
            .filter(|byte| *byte < FAIR_BELOW)
            .take(CODE_LENGTH)
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
            .collect();
        (code.len() == CODE_LENGTH).then_some(Self(code))
    }

    /// Reads what a guest typed: in any case, with spaces and dashes. `None` if it cannot be a code
    /// of ours.
    pub fn typed(text: &str) -> Option<Self> {
        let code = stripped(text);
        let is_code = code.len() == CODE_LENGTH && code.bytes().all(|it| ALPHABET.contains(&it));
        is_code.then_some(Self(code))
    }

    /// Whether a guest who typed this meant this code.
    pub fn is_typed_as(&self, text: &str) -> bool {
        stripped(text) == stripped(&self.0)
    }

    /// The code as many guests type it, who read it from an SMS or from paper: in small letters, with a
    /// blank in the middle.
    pub fn as_guests_type_it(&self) -> String {
        let mut text = self.0.to_ascii_lowercase();
        let middle = text.len() / 2;
        if text.is_char_boundary(middle) {
            text.insert(middle, ' ');
        }
        text
    }

    /// A code from the database, which is not checked.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The code as the guest types it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In capitals, without blanks, hyphens and dashes. FreeRADIUS does the same
/// (`deploy/freeradius/radiusd.conf`).
fn stripped(text: &str) -> String {
    let is_kept = |symbol: &char| {
        let is_dash = ['-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}'].contains(symbol);
        !is_dash && !symbol.is_whitespace()
    };
    let kept = text.chars().filter(is_kept);
    kept.map(|symbol| symbol.to_ascii_uppercase()).collect()
}

hidden_debug!(VoucherCode);

/// An issued voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// What the guest types.
    pub code: VoucherCode,
    /// When it was issued: the commit of the sale.
    pub issued_at: DateTime<Utc>,
    /// When it ends; `None` while a voucher that counts from the first log-in is unused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When an operator took it back.
    pub revoked_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_symbol_is_equally_likely() {
        let mut counts = [0_u32; 31];
        for byte in 0..=255_u8 {
            if let Some(code) = VoucherCode::from_random_bytes([byte; CODE_LENGTH]) {
                let symbol = code.as_str().as_bytes()[0];
                counts[ALPHABET.iter().position(|s| *s == symbol).unwrap()] += 1;
            }
        }
        assert_eq!(counts, [8; 31]);
    }

    #[test]
    fn a_code_is_never_printed() {
        let code = VoucherCode::from_random_bytes([1; CODE_LENGTH]).unwrap();

        assert_eq!(format!("{code:?}"), "VoucherCode(hidden)");
    }

    #[test]
    fn a_code_is_read_as_a_guest_types_it() {
        let typed = |text| VoucherCode::typed(text).map(|code| code.0);
        let spellings = [
            "K7QMX2PA",
            " k7qm-x2pa ",
            "k7qm x2pa",
            "k7qm\u{a0}x2pa",
            "k7qm\u{2011}x2pa",
            "K7QM\u{2013}X2PA",
        ];
        for text in spellings {
            assert_eq!(typed(text).as_deref(), Some("K7QMX2PA"), "{text}");
            assert!(VoucherCode("K7QMX2PA".to_owned()).is_typed_as(text));
        }
        let code = VoucherCode::typed("K7QMX2PA").unwrap();
        assert_eq!(code.as_guests_type_it(), "k7qm x2pa");
        for text in [
            "",
            "K7QMX2P",
            "K7QMX2PAB",
            "K7QMX2P0",
            "K7QMX2P'",
            "K7QMX2Pé",
        ] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn too_few_random_bytes_make_no_code() {
        assert_eq!(VoucherCode::from_random_bytes([255; 100]), None);
        assert_eq!(VoucherCode::from_random_bytes([0; CODE_LENGTH - 1]), None);
    }

    proptest! {
        #[test]
        fn a_code_holds_nothing_that_can_be_misread(bytes in proptest::collection::vec(any::<u8>(), 64)) {
            if let Some(code) = VoucherCode::from_random_bytes(bytes) {
                prop_assert_eq!(code.as_str().len(), CODE_LENGTH);
                prop_assert!(code.as_str().bytes().all(|b| ALPHABET.contains(&b)));
            }
        }
    }
}
