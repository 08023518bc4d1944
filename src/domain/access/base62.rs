//! 128 bits in 22 letters and digits, for the end of a link in an SMS.

/// Letters and digits only, so that no program cuts the link short.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62 to this power is more than 2 to the 128.
const CHARS: usize = 22;

/// The number, always in 22 characters.
pub fn write(number: u128) -> String {
    let mut left = number;
    let mut text = [b'0'; CHARS];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(left % 62) as usize];
        left /= 62;
    }
    text.iter().copied().map(char::from).collect()
}

/// Reads what [`write`] has written; `None` for any other text.
pub fn read(text: &str) -> Option<u128> {
    if text.len() != CHARS {
        return None;
    }
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        number.checked_mul(62)?.checked_add(digit as u128)
    })
}
