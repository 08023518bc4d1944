//! How a person is recognised in text from outside: a webhook's body, an operator's
//! reason, what was typed into a log-in.

use super::phone::Phone;

/// A single short name is many people's; text that is not about this person's orders is searched
/// for longer ones alone.
const NAME_MIN: usize = 8;

/// A phone and the names that were given with it. `Debug` hides both.
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
            names: names
                .filter(|name| name.chars().count() >= NAME_MIN)
                .collect(),
        }
    }

    /// Whether the text has the phone, however it is spaced, or one of the names.
    pub fn is_in(&self, text: &str) -> bool {
        if has_digits(text, &self.subscriber) {
            return true;
        }
        if self.names.is_empty() {
            return false;
        }
        let text = spaced(text);
        self.names.iter().any(|name| text.contains(name.as_str()))
    }

    /// The same for bytes that need not be text.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.is_in(&String::from_utf8_lossy(bytes))
    }
}

/// Lower case, with the spaces that forms and URLs write in other ways.
fn spaced(text: &str) -> String {
    text.to_lowercase().replace("%20", " ").replace('+', " ")
}

/// Whether these digits follow each other, with nothing between them but what people write into a
/// phone number.
fn has_digits(text: &str, wanted: &str) -> bool {
    let mut run = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => run.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2010}'..='\u{2015}' => {}
            _ if run.contains(wanted) => return true,
            _ => run.clear(),
        }
    }
    run.contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Person {
        let phone = Phone::read("0712345678").unwrap();
        Person::new(&phone, ["Zuhura Kisanga", "Asha"])
    }

    #[test]
    fn a_phone_is_recognised_in_every_spelling() {
        for text in [
            "0712345678",
            "+255712345678",
            "call 0712 345 678 please",
            r#"{"msisdn":"255-712-345-678"}"#,
            "msisdn=%2B255712345678&x=1",
            "ref 90712345678",
        ] {
            assert!(person().is_in(text), "{text}");
        }
        for text in ["", "071234567", "0712345, 678", "712345679", "0712a345678"] {
            assert!(!person().is_in(text), "{text}");
        }
        assert!(person().is_in_bytes(b"\xff 0712345678"));
    }

    #[test]
    fn a_whole_name_is_recognised_and_a_short_one_is_too_many_people_s() {
        for text in [
            "for ZUHURA kisanga.",
            "name=Zuhura+Kisanga",
            "Zuhura%20Kisanga",
        ] {
            assert!(person().is_in(text), "{text}");
        }
        for text in ["Asha", "Zuhura", "Kisanga"] {
            assert!(!person().is_in(text), "{text}");
        }
    }
}
