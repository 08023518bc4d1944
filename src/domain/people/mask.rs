//! What a viewer sees of phones, codes and names: enough to recognise, too little to use.

use std::iter;

use super::{Personal, Role};
use crate::domain::order::{OrderId, Payment};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Phones, codes and names are masked.
    Masked,
    /// Everything is shown; the caller keeps a record of that.
    Whole,
}

impl Visibility {
    /// What an operator of this role sees.
    pub const fn of(role: Role) -> Self {
        if role.sees_unmasked() {
            Self::Whole
        } else {
            Self::Masked
        }
    }

    /// `2557*****678`: the network and the last three digits, as on a mobile-money receipt.
    pub fn phone(self, phone: &str) -> String {
        let first = if phone.len() < 12 { 1 } else { 4 };
        self.keep(phone, first, 3, 5)
    }

    /// `K7******`: a code is money, so most of it is hidden.
    pub fn code(self, code: &str) -> String {
        self.keep(code, 2, 0, 6)
    }

    /// `aabbcc******`: the maker of a device, of its twelve digits.
    pub fn device(self, mac: &str) -> String {
        self.keep(mac, 6, 0, 6)
    }

    /// An order's whole id, which opens its voucher; a viewer knows an order by its `ref`.
    pub fn order_id(self, order_id: OrderId) -> Option<String> {
        (self == Self::Whole).then(|| order_id.to_string())
    }

    /// `A***`.
    pub fn name(self, name: &str) -> String {
        self.keep(name, 1, 0, 1)
    }

    /// A text that a person or a gateway wrote freely: for admins alone, for nothing in it can be
    /// relied on to be masked.
    pub fn free_text(self, text: Option<&str>) -> Option<String> {
        text.filter(|_| self == Self::Whole).map(str::to_owned)
    }

    /// Shows the first and last characters, and none where fewer than `hidden` would be left.
    fn keep(self, text: &str, first: usize, last: usize, hidden: usize) -> String {
        match self {
            Self::Whole => text.to_owned(),
            Self::Masked => {
                let length = text.chars().count();
                let hides_enough = length >= first + last + hidden;
                let shown = |at| hides_enough && (at < first || at >= length - last);
                text.chars()
                    .enumerate()
                    .map(|(at, c)| if shown(at) { c } else { '*' })
                    .collect()
            }
        }
    }
}

/// Masks the phones and codes of one order wherever they occur in a free text, such as a gateway's
/// answer.
#[derive(Clone, Debug)]
pub struct Mask {
    /// How much is shown.
    pub visibility: Visibility,
    /// What to look for, and its replacement; a whole phone comes before its nine digits.
    hidden: Vec<(String, String)>,
}

impl Mask {
    /// For texts about this order.
    pub fn of(visibility: Visibility, payment: &Payment) -> Self {
        let payer = payment.gateway.payer_msisdn.as_ref().map(Personal::expose);
        let mut hidden = Vec::new();
        for phone in iter::once(payment.phone.international()).chain(payer) {
            // However it was written, these nine digits are in it.
            let subscriber = phone.len().checked_sub(9).and_then(|at| phone.get(at..));
            for form in iter::once(phone).chain(subscriber) {
                hidden.push((form.to_owned(), visibility.phone(form)));
            }
        }
        if let Some(voucher) = &payment.voucher {
            let code = voucher.code.as_str();
            hidden.push((code.to_owned(), visibility.code(code)));
        }
        hidden.retain(|(text, _)| !text.is_empty());
        Self { visibility, hidden }
    }

    /// Also hides this code.
    #[must_use]
    pub fn and(mut self, code: &str) -> Self {
        self.hidden
            .push((code.to_owned(), self.visibility.code(code)));
        self
    }

    /// The text with everything known of the order masked.
    pub fn text(&self, text: &str) -> String {
        let replace =
            |text: String, (hidden, shown): &(String, String)| text.replace(hidden, shown);
        self.hidden.iter().fold(text.to_owned(), replace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_viewer_recognises_and_cannot_use() {
        let masked = Visibility::Masked;

        assert_eq!(masked.phone("255712345678"), "2557*****678");
        assert_eq!(masked.code("K7QMX2PA"), "K7******");
        assert_eq!(masked.name("Asha"), "A***");
        assert_eq!(masked.name("A"), "*");
        assert_eq!(masked.phone("712345678"), "7*****678");
        assert_eq!(masked.phone("071"), "***");
        assert_eq!(masked.phone(""), "");
        assert_eq!(Visibility::Whole.code("K7QMX2PA"), "K7QMX2PA");
        assert_eq!(Visibility::of(Role::Viewer), masked);
        assert_eq!(Visibility::of(Role::Admin), Visibility::Whole);
    }

    proptest! {
        #[test]
        fn masking_keeps_the_length_and_hides_what_it_says(text in "[^*]{0,20}") {
            let (length, masked) = (text.chars().count(), Visibility::Masked);
            for (shown, hidden) in [(masked.phone(&text), 5), (masked.code(&text), 6), (masked.name(&text), 1)] {
                prop_assert_eq!(shown.chars().count(), length);
                let stars = shown.chars().filter(|c| *c == '*').count();
                prop_assert!(stars >= hidden.min(length), "{} {}", text, shown);
            }
        }
    }
}
