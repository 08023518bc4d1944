//! One message long, in the guest's language, and never without the code.

use proptest::prelude::*;

use super::*;

const LINK: &str = "http://wifi.example/v/0123456789ABCDEFGHIJKL";

fn code() -> VoucherCode {
    VoucherCode::from_random_bytes([1; 8]).unwrap()
}

fn news<'a>(code: &'a VoucherCode, package: &'a str, link: &'a str) -> VoucherNews<'a> {
    VoucherNews {
        occasion: Occasion::Sale,
        brand: "Duka",
        code,
        package,
        expires_at: Some(DateTime::UNIX_EPOCH),
        shop_offset: FixedOffset::east_opt(3 * 3600).unwrap(),
        link,
    }
}

proptest! {
    #[test]
    fn the_text_is_one_message_whatever_the_names_are(
        brand in ".*", package in ".*", link in "(http://[a-z./]{0,200}|.*)",
        english: bool, expires: bool, is_new_code: bool,
    ) {
        let code = code();
        let language = if english { Language::English } else { Language::Swahili };
        let mut news = news(&code, &package, &link);
        news.brand = &brand;
        if is_new_code {
            news.occasion = Occasion::Reissue;
        }
        news.expires_at = expires.then_some(DateTime::UNIX_EPOCH);

        let text = voucher_text(language, news);

        prop_assert!(septets(&text).is_some_and(|it| it <= ONE_MESSAGE), "{text}");
        prop_assert_eq!(parts(&text), 1);
        prop_assert!(text.contains(code.as_str()));
    }
}

#[test]
fn what_there_is_no_room_for_is_left_out_and_the_code_never() {
    let code = code();
    let long = format!("https://{}/v/0123456789ABCDEFGHIJKL", "wifi.".repeat(7));
    let longer = format!("https://{}/v/0123456789ABCDEFGHIJKL", "wifi.".repeat(11));
    let longest = format!("https://{}/v/0123456789ABCDEFGHIJKL", "wifi.".repeat(20));
    for (link, thanks, package, is_there) in [
        (LINK, true, true, true),
        (long.as_str(), true, false, true),
        (longer.as_str(), false, false, true),
        (longest.as_str(), true, true, false),
    ] {
        let text = voucher_text(Language::Swahili, news(&code, "Siku moja", link));

        assert!(
            text.contains(code.as_str()) && text.contains("01/01/1970 03:00"),
            "{text}"
        );
        assert_eq!(text.contains("Malipo yamepokelewa"), thanks, "{text}");
        assert_eq!(text.contains("Siku moja"), package, "{text}");
        assert_eq!(text.ends_with(link), is_there, "{text}");
    }
}

#[test]
fn parts_are_counted_as_they_are_charged() {
    for (text, expected) in [
        (String::new(), 1),
        ("a".repeat(160), 1),
        ("a".repeat(161), 2),
        ("a".repeat(306), 2),
        ("a".repeat(307), 3),
        // An extension character takes two places.
        ("a".repeat(158) + "[", 1),
        ("a".repeat(159) + "[", 2),
        ("\u{20ac}".repeat(80), 1),
        ("\u{20ac}".repeat(81), 2),
        // In the alphabet, though not in ASCII.
        ("\u{e9}\u{f1}\u{3a9}".repeat(53), 1),
        // One character outside of it, and 70 are left; this one takes two of them.
        ("a".repeat(68) + "\u{1f600}", 1),
        ("a".repeat(69) + "\u{1f600}", 2),
        ("a".repeat(70) + "`", 2),
        ("\u{4e2d}".repeat(134), 2),
        ("\u{4e2d}".repeat(135), 3),
    ] {
        assert_eq!(
            parts(&text),
            expected,
            "{} of {:?}",
            text.chars().count(),
            text.chars().last()
        );
    }
}

#[test]
fn the_text_says_it_in_the_guest_s_language_and_the_shop_s_time() {
    let code = code();
    let mut english = news(&code, "One day", LINK);
    english.expires_at = None;

    assert_eq!(
        voucher_text(Language::Swahili, news(&code, "Siku moja", LINK)),
        format!(
            "Duka: Malipo yamepokelewa. Vocha yako ni {}. Kifurushi: Siku moja. Mwisho: 01/01/1970 03:00. {LINK}",
            code.as_str()
        )
    );
    assert_eq!(
        voucher_text(Language::English, english),
        format!(
            "Duka: Payment received. Your voucher is {}. Package: One day. Time starts at first login. {LINK}",
            code.as_str()
        )
    );
}

#[test]
fn a_new_code_comes_with_the_end_of_the_old_one() {
    let code = code();
    let text = |language| {
        let mut news = news(&code, "Siku moja", LINK);
        news.occasion = Occasion::Reissue;
        voucher_text(language, news)
    };

    let told = text(Language::Swahili);
    let expected = format!(
        "Duka: Vocha ya awali haitumiki tena. Vocha yako ni {}. ",
        code.as_str()
    );
    assert!(told.starts_with(&expected), "{told}");
    let told = text(Language::English);
    assert!(
        told.starts_with("Duka: The old voucher is closed. "),
        "{told}"
    );
}

#[test]
fn names_stand_in_the_text_as_far_as_a_message_has_room_and_letters_for_them() {
    let code = code();
    let text = |brand, package| {
        let mut news = news(&code, package, "");
        news.brand = brand;
        voucher_text(Language::English, news)
    };

    let (plain, fancy) = (
        text("Duka la Asha", "Siku moja (1)"),
        text("Café 😀", "A week of Internet, all day and night"),
    );

    assert!(plain.starts_with("Duka la Asha: "), "{plain}");
    assert!(plain.contains("Package: Siku moja (1)."), "{plain}");
    assert!(fancy.starts_with("Caf   : "), "{fancy}");
    assert!(
        fancy.contains("Package: A week of Internet, all day an."),
        "{fancy}"
    );
}
