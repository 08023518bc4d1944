//! What an operator types to find an order.

use super::access::voucher::VoucherCode;
use super::order::ids::{OrderId, OrderRef};
use super::people::operator::Role;
use super::people::phone::Phone;

/// The longest text that can be an id, a phone, a code or a number.
const LONGEST: usize = 100;

/// One interpretation of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The order's own id.
    Order(OrderId),
    /// The order's `ref`.
    Ref(OrderRef),
    /// The phone that bought.
    Phone(Phone),
    /// The last digits of the phone that bought, at least [`PHONE_END_MIN`].
    PhoneEnd(String),
    /// A voucher code.
    Code(VoucherCode),
    /// ZenoPay's reference or the mobile-money operator's number, as on the guest's receipt; of a
    /// second charge, too; or the number of an invoice.
    Number(String),
}

/// Fewer digits of a phone would find too many orders.
pub const PHONE_END_MIN: usize = 4;
/// Nine digits are a whole phone number.
const PHONE_END_MAX: usize = 8;

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "q is an order id or its first eight digits, a phone number or its last four digits, a voucher code, or the number of a payment or an invoice"
)]
pub struct NotAKey;

/// Reads the text in every way that makes sense: ten digits may be a phone and also ZenoPay's number
/// for a payment. The end of a phone is a key for admins alone, because a viewer could find out masked
/// digits with it.
///
/// # Errors
/// [`NotAKey`] for what can be none of them.
pub fn read(text: &str, role: Role) -> Result<Vec<Key>, NotAKey> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(NotAKey);
    }
    if let Ok(order_id) = text.parse() {
        return Ok(vec![Key::Order(order_id)]);
    }
    let mut keys = Vec::new();
    keys.extend(text.parse().ok().map(Key::Ref));
    keys.extend(Phone::read(text).ok().map(Key::Phone));
    if role.sees_unmasked() {
        keys.extend(phone_end(text).map(Key::PhoneEnd));
    }
    keys.extend(VoucherCode::typed(text).map(Key::Code));
    keys.push(Key::Number(text.to_owned()));
    Ok(keys)
}

fn phone_end(text: &str) -> Option<String> {
    let is_end = (PHONE_END_MIN..=PHONE_END_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit());
    is_end.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Key>, NotAKey> {
        super::read(text, Role::Admin)
    }

    fn number(text: &str) -> Key {
        Key::Number(text.to_owned())
    }

    #[test]
    fn what_a_guest_reads_out_is_understood() {
        let id = "677e4327-4d7c-4b1e-8f3a-1c2d3e4f5a6b";
        let phone = Phone::read("0712345678").unwrap();
        let code = VoucherCode::from_stored("K7QMX2PA".to_owned());

        for text in [id, &id.to_uppercase(), &format!(" {id} ")] {
            assert_eq!(read(text), Ok(vec![Key::Order(id.parse().unwrap())]));
        }
        for text in ["0712345678", "+255 712 345 678"] {
            let keys = vec![Key::Phone(phone.clone()), number(text)];
            assert_eq!(read(text), Ok(keys));
        }
        for text in ["K7QMX2PA", "k7qm x2pa", "K7QM-X2PA"] {
            assert_eq!(read(text), Ok(vec![Key::Code(code.clone()), number(text)]));
        }
        assert_eq!(read(" 0936000000 "), Ok(vec![number("0936000000")]));
    }

    #[test]
    fn the_last_digits_of_a_phone_are_a_key_from_four_on() {
        let end = |text: &str| Key::PhoneEnd(text.to_owned());

        assert_eq!(read("567"), Ok(vec![number("567")]));
        assert_eq!(read("5678"), Ok(vec![end("5678"), number("5678")]));
        assert_eq!(read("45678"), Ok(vec![end("45678"), number("45678")]));
        let viewers = super::read("5678", Role::Viewer);
        assert_eq!(viewers, Ok(vec![number("5678")]));
    }

    #[test]
    fn eight_characters_can_be_a_ref_a_code_and_the_end_of_a_phone() {
        let (hex, digits) = ("ABCDEF22", "22345678");
        let code = |text: &str| Key::Code(VoucherCode::from_stored(text.to_owned()));

        let keys = vec![Key::Ref(hex.parse().unwrap()), code(hex), number(hex)];
        assert_eq!(read(hex), Ok(keys));
        let keys = vec![
            Key::Ref(digits.parse().unwrap()),
            Key::PhoneEnd(digits.to_owned()),
            code(digits),
            number(digits),
        ];
        assert_eq!(read(digits), Ok(keys));
    }

    #[test]
    fn what_can_be_no_key_is_refused() {
        for text in ["", "  ", "a\0b", "a\nb", &"x".repeat(101)] {
            assert_eq!(read(text), Err(NotAKey), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_finds_a_key_or_says_so(text in ".*") {
            if let Ok(keys) = read(&text) {
                prop_assert!(!keys.is_empty());
            }
        }
    }
}
