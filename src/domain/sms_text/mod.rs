//! What the SMS says: one GSM-7 message, in the guest's language.

use chrono::{DateTime, FixedOffset, Utc};

use super::access::voucher::VoucherCode;
use super::people::language::Language;

/// Characters of one GSM-7 message (3GPP TS 23.038); a longer text costs twice.
pub const ONE_MESSAGE: usize = 160;

/// Characters of each part of a longer GSM-7 text: seven are taken by its header.
const PART: usize = 153;
/// The same in UCS-2, which a single character outside the alphabet costs.
const ONE_UCS2_MESSAGE: usize = 70;
const UCS2_PART: usize = 67;

/// The alphabet beside letters and digits that take one place (3GPP TS 23.038, 6.2.1).
const SINGLE: &str = "@\u{a3}$\u{a5}\u{e8}\u{e9}\u{f9}\u{ec}\u{f2}\u{c7}\n\u{d8}\u{f8}\r\u{c5}\u{e5}\
    \u{394}_\u{3a6}\u{393}\u{39b}\u{3a9}\u{3a0}\u{3a8}\u{3a3}\u{398}\u{39e}\u{c6}\u{e6}\u{df}\u{c9} \
    !\"#\u{a4}%&'()*+,-./:;<=>?\u{a1}\u{c4}\u{d6}\u{d1}\u{dc}\u{a7}\u{bf}\u{e4}\u{f6}\u{f1}\u{fc}\u{e0}";
/// Its extension, whose characters take two places (6.2.1.1).
const DOUBLE: &str = "\u{c}^{}\\[~]|\u{20ac}";

/// How many single messages a text takes, and is charged as.
pub fn parts(text: &str) -> u32 {
    let (units, one, part) = match septets(text) {
        Some(septets) => (septets, ONE_MESSAGE, PART),
        None => (text.encode_utf16().count(), ONE_UCS2_MESSAGE, UCS2_PART),
    };
    let parts = if units <= one {
        1
    } else {
        units.div_ceil(part)
    };
    u32::try_from(parts).unwrap_or(u32::MAX)
}

/// Places that a text takes in GSM-7; `None` if a character is not in the alphabet.
fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| match c {
            _ if c.is_ascii_alphanumeric() || SINGLE.contains(c) => Some(1),
            _ if DOUBLE.contains(c) => Some(2),
            _ => None,
        })
        .sum()
}

/// Why a text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The guest has paid.
    Sale,
    /// The guest wanted another code.
    Reissue,
}

/// The content of a text.
#[derive(Clone, Copy, Debug)]
pub struct VoucherNews<'a> {
    /// Why it is sent.
    pub occasion: Occasion,
    /// The shop.
    pub brand: &'a str,
    /// The code.
    pub code: &'a VoucherCode,
    /// What was bought.
    pub package: &'a str,
    /// When it ends; `None` if time starts at the first login.
    pub expires_at: Option<DateTime<Utc>>,
    /// The shop's clock.
    pub shop_offset: FixedOffset,
    /// The link to the order.
    pub link: &'a str,
}

/// The text with a voucher: code, package, its end in the shop's time, and the link. What does not
/// fit into a single message is left out, the least important first; never the code.
pub fn voucher_text(language: Language, news: VoucherNews<'_>) -> String {
    let brand = plain(news.brand, 20);
    let code = news.code.as_str();
    let thanks = match news.occasion {
        Occasion::Sale => language.pick("Malipo yamepokelewa. ", "Payment received. "),
        Occasion::Reissue => language.pick(
            "Vocha ya awali haitumiki tena. ",
            "The old voucher is closed. ",
        ),
    };
    let voucher = language.pick("Vocha yako ni", "Your voucher is");
    let voucher = format!("{voucher} {code}.");
    let package = language.pick("Kifurushi", "Package");
    let package = format!(" {package}: {}.", plain(news.package, 30));
    let until = until(language, &news);
    let link = format!(" {}", news.link);
    let by_room = [
        [thanks, &voucher, &package, &until, &link],
        [thanks, &voucher, "", &until, &link],
        ["", &voucher, "", &until, &link],
        [thanks, &voucher, &package, &until, ""],
    ];
    let texts = by_room.map(|pieces| format!("{brand}: {}", pieces.concat()));
    let fits = |text: &&String| septets(text).is_some_and(|septets| septets <= ONE_MESSAGE);
    // The last one always fits.
    texts.iter().find(fits).unwrap_or(&texts[3]).clone()
}

fn until(language: Language, news: &VoucherNews<'_>) -> String {
    let Some(at) = news.expires_at else {
        let starts = language.pick(" Muda unaanza ukiingia.", " Time starts at first login.");
        return starts.to_owned();
    };
    let until = language.pick("Mwisho:", "Valid until");
    let at = at.with_timezone(&news.shop_offset);
    format!(" {until} {}.", at.format("%d/%m/%Y %H:%M"))
}

/// Keeps what is a single GSM-7 character everywhere, so that no name can turn the message
/// into UCS-2 with its 70 characters.
fn plain(text: &str, most: usize) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " .,-/()'&+".contains(c);
    let plain = text.chars().map(|c| if is_plain(c) { c } else { ' ' });
    plain.take(most).collect()
}

#[cfg(test)]
mod tests;
