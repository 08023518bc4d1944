//! How the owner of a phone is recognised in text from outside: a webhook's body, an operator's reason, the
//! user name of a log-in.
//!
//! # Invariants
//! Guests choose their names, so a name may be any text: `COMPLETED`, or an operator's. Only the full name of
//! a person is recognised, as whole words, and the caller decides where a name counts at all.

use super::Phone;
use super::phone::is_separator;

/// Shorter names are shared by many people.
const NAME_MIN: usize = 8;

/// A phone and the full names that were given with it. `Debug` hides both.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The nine digits that every spelling of the phone has.
    subscriber: String,
    /// In lower case.
    names: Vec<String>,
}

hidden_debug!(Person);

impl Person {
    /// A phone and the names that its orders were made with.
    pub fn new<'a>(phone: &Phone, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| spaced(name.trim()));
        Self {
            subscriber: phone.national()[1..].to_owned(),
            names: names.filter(|name| is_full_name(name)).collect(),
        }
    }

    /// The same person, recognised by the phone only.
    pub fn without_names(self) -> Self {
        Self {
            names: Vec::new(),
            ..self
        }
    }

    /// Whether the text has the phone, however it is spaced.
    pub fn has_phone_in(&self, text: &str) -> bool {
        has_digits(text, &self.subscriber)
    }

    /// Whether the text has one of the names.
    pub fn has_name_in(&self, text: &str) -> bool {
        let text = spaced(text);
        self.names.iter().any(|name| has_words(&text, name))
    }
}

/// Two or more words of letters.
fn is_full_name(name: &str) -> bool {
    let is_part = |c: char| c.is_alphabetic() || " '\u{2019}.-".contains(c);
    name.chars().count() >= NAME_MIN && name.contains(' ') && name.chars().all(is_part)
}

/// In lower case, with the encoded spaces of forms and URLs decoded.
fn spaced(text: &str) -> String {
    text.to_lowercase().replace("%20", " ").replace('+', " ")
}

/// Whether the text has these words, and not as a part of longer ones.
fn has_words(text: &str, words: &str) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(words).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !goes_on(before.chars().next_back()) && !goes_on(after.chars().next())
    })
}

/// Whether the text has these digits in a row, apart from separators of phone numbers.
fn has_digits(text: &str, wanted: &str) -> bool {
    let mut run = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => run.push(c),
            '/' => {}
            _ if is_separator(c) => {}
            _ if run.contains(wanted) => return true,
            _ => run.clear(),
        }
    }
    run.contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person_called(names: &[&str]) -> Person {
        let phone = Phone::read("0712345678").unwrap();
        Person::new(&phone, names.iter().copied())
    }

    #[test]
    fn a_phone_is_recognised_in_every_spelling() {
        let person = person_called(&[]);
        for text in [
            "0712345678",
            "+255712345678",
            "call 0712 345 678 please",
            r#"{"msisdn":"255-712-345-678"}"#,
            "msisdn=%2B255712345678&x=1",
            "\u{202a}+255\u{a0}(0)712\u{2212}345\u{200b}678\u{202c}",
            "0712/345/678",
            "ref 90712345678",
        ] {
            assert!(person.has_phone_in(text), "{text}");
        }
        for text in ["", "071234567", "0712345, 678", "712345679", "0712a345678"] {
            assert!(!person.has_phone_in(text), "{text}");
        }
    }

    #[test]
    fn a_full_name_is_recognised_and_a_part_of_it_is_not() {
        let person = person_called(&["Zuhura Kisanga", "Asha", "\u{c9}lo\u{ef}se N'Diaye"]);
        for text in [
            "for ZUHURA kisanga.",
            "name=Zuhura+Kisanga",
            "Zuhura%20Kisanga",
            r#"{"buyer_name":"Zuhura Kisanga"}"#,
            "called by \u{c9}LO\u{cf}SE N'DIAYE",
        ] {
            assert!(person.has_name_in(text), "{text}");
        }
        for text in [
            "Asha",
            "Zuhura",
            "Kisanga",
            "Azuhura Kisanga",
            "Zuhura Kisangani",
            "x_zuhura kisanga",
        ] {
            assert!(!person.has_name_in(text), "{text}");
        }
        let known_by_phone = person.without_names();
        assert!(!known_by_phone.has_name_in("Zuhura Kisanga"));
        assert!(known_by_phone.has_phone_in("0712345678"));
    }

    #[test]
    fn what_a_guest_has_typed_in_place_of_a_name_is_searched_nowhere() {
        for typed in [
            "COMPLETED",
            "TIGOPESATZ",
            "FreeRADIUS",
            "operator",
            "payment_status COMPLETED",
            "TZS 2000",
            "{\"order_id\": \"",
            "         ",
        ] {
            assert!(!person_called(&[typed]).has_name_in(typed), "{typed}");
        }
    }
}
