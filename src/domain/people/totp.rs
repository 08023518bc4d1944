//! Codes of an authenticator (TOTP, RFC 6238): six digits, for 30 seconds, by HMAC-SHA-1, as every
//! authenticator makes them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::secret::Secret;

/// The digits of a code.
pub const CODE_DIGITS: usize = 6;
/// Seconds for which a code is shown.
const STEP_SECS: i64 = 30;
/// How many steps the clock of a phone may differ.
const DRIFT: i64 = 1;
/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret from 20 random bytes, in base32.
pub fn secret_of(random: [u8; 20]) -> Secret {
    let fives = random.chunks(5).flat_map(|five| {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        (0..8)
            .rev()
            .map(move |at| ((bits >> (5 * at)) & 31) as usize)
    });
    Secret::new(
        fives
            .map(|index| char::from(BASE32[index]))
            .collect::<String>(),
    )
}

/// The step whose code this is, if it is the present one or one beside it; later than `used`. A code is
/// used once, and an older one is not used after it; a used step in the future is of a clock that was ahead.
pub fn step_of(secret: &Secret, sent: &str, unix_secs: i64, used: i64) -> Option<i64> {
    let sent: String = sent.chars().filter(|c| !c.is_whitespace()).collect();
    let now = unix_secs.div_euclid(STEP_SECS);
    let is_ahead = used > now + DRIFT;
    let mut near = (now - DRIFT..=now + DRIFT).filter(|step| is_ahead || *step > used);
    near.find(|step| code(secret, *step).is_some_and(|code| code == sent))
}

/// The code of a step; `None` if the secret is no base32.
pub fn code(secret: &Secret, step: i64) -> Option<String> {
    let key = key(secret.expose())?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let bytes = [hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]];
    let number = u32::from_be_bytes(bytes) % 1_000_000;
    Some(format!("{number:0CODE_DIGITS$}"))
}

fn key(base32: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for symbol in base32.bytes() {
        let five = BASE32.iter().position(|known| *known == symbol)?;
        bits = (bits << 5) | u32::try_from(five).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// What an authenticator scans.
pub fn uri(issuer: &str, operator: &str, secret: &Secret) -> String {
    let escaped = |text: &str| {
        // `+` for a blank is not understood in the label.
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        encoded.replace('+', "%20")
    };
    let (issuer, operator) = (escaped(issuer), escaped(operator));
    format!(
        "otpauth://totp/{issuer}:{operator}?secret={}&issuer={issuer}",
        secret.expose()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238's secret, `12345678901234567890`.
    fn rfc() -> Secret {
        secret_of(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        assert_eq!(rfc().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (unix, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&rfc(), unix / 30).as_deref(), Some(expected));
            assert_eq!(step_of(&rfc(), expected, unix, 0), Some(unix / 30));
        }
    }

    #[test]
    fn a_code_is_valid_for_a_step_before_and_after_and_only_once() {
        let (at, step) = (1_111_111_111, 1_111_111_111 / 30);
        for (later, is_valid) in [
            (-60, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let found = step_of(&rfc(), "050 471", at + later, 0);
            assert_eq!(found, is_valid.then_some(step), "{later}");
        }
        assert_eq!(step_of(&rfc(), "050471", at, step), None, "used");
        let ahead = step_of(&rfc(), "050471", at, step + 2_880);
        assert_eq!(ahead, Some(step), "used by a clock that was a day ahead");
        assert_eq!(step_of(&rfc(), "081804", at, step), None, "an older one");
        assert_eq!(step_of(&rfc(), "", at, 0), None);
        assert_eq!(step_of(&Secret::new("!"), "050471", at, 0), None);
    }

    #[test]
    fn an_authenticator_reads_the_issuer_and_the_name() {
        assert_eq!(
            uri("Duka la Asha & co", "asha@shop", &Secret::new("ABC")),
            "otpauth://totp/Duka%20la%20Asha%20%26%20co:asha%40shop?secret=ABC&issuer=Duka%20la%20Asha%20%26%20co"
        );
    }
}
