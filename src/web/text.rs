//! The texts of the pages: one catalogue file per language.
//!
//! A template names a text by its field, so a missing text does not compile. A test checks that each
//! catalogue has exactly these keys.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::LazyLock;

use crate::domain::people::Language;

static SWAHILI: LazyLock<Text> = LazyLock::new(|| read(include_str!("text/sw.toml")));
static ENGLISH: LazyLock<Text> = LazyLock::new(|| read(include_str!("text/en.toml")));

/// The catalogue of a language.
pub fn text(language: Language) -> &'static Text {
    match language {
        Language::Swahili => &SWAHILI,
        Language::English => &ENGLISH,
    }
}

/// The sections of a catalogue, and the texts of a section, by name.
type Sections = BTreeMap<String, Texts>;
type Texts = BTreeMap<String, toml::Value>;

fn read(catalogue: &str) -> Text {
    let mut sections: Sections = toml::from_str(catalogue).expect("a test reads both catalogues");
    let text = Text::take(&mut sections);
    assert!(sections.is_empty(), "unknown sections: {sections:?}");
    text
}

fn take_text(texts: &mut Texts, name: &str) -> String {
    match texts.remove(name) {
        Some(toml::Value::String(text)) => text,
        other => panic!("the text {name} is {other:?}"),
    }
}

fn take_list(texts: &mut Texts, name: &str) -> Vec<String> {
    let list = texts.remove(name).and_then(|list| list.try_into().ok());
    list.unwrap_or_else(|| panic!("{name} is no list of texts"))
}

/// Replaces each `{name}` in `text` by its value.
pub fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |filled, (name, value)| {
            filled.replace(&format!("{{{name}}}"), &value.to_string())
        })
}

/// Declares the catalogue: sections of texts; a name after `;` is a list of texts.
macro_rules! catalogue {
    ($($(#[$about:meta])* $section:ident: $Section:ident {
        $($text:ident),* $(,)? $(; $list:ident)?
    })*) => {
        /// All texts of one language.
        #[derive(Debug)]
        pub struct Text {
            $($(#[$about])* pub $section: $Section,)*
        }

        // Not by serde's derive: for some 200 fields it is a tenth of the crate's machine code.
        impl Text {
            fn take(sections: &mut Sections) -> Self {
                $(let mut $section = sections.remove(stringify!($section)).unwrap_or_default();)*
                let text = Self {
                    $($section: $Section {
                        $($text: take_text(&mut $section, stringify!($text)),)*
                        $($list: take_list(&mut $section, stringify!($list)),)?
                    },)*
                };
                $(assert!($section.is_empty(), "unknown texts: {:?}", $section);)*
                text
            }
        }

        $($(#[$about])*
        #[derive(Debug)]
        pub struct $Section {
            $(pub $text: String,)*
            $(pub $list: Vec<String>,)?
        })*
    };
}

catalogue! {
    /// On every page.
    common: Common {
        other_language, skip, home, help, sandbox, sandbox_link, offline, online
    }

    /// Money, time and speed.
    units: Units {
        money, second, seconds, minute, minutes, hour, hours, day, days, speed, speed_slow, data_gb,
        data_mb, unlimited, device, devices
    }

    /// Where packages are chosen.
    shop: ShopText {
        title, lead, choose, first_login, phone, phone_hint, pay, pay_price, pin, paid_link,
        empty_title, empty
    }

    /// Why something was not done: a purchase or a new code.
    notice: NoticeText {
        title, package_missing, phone_invalid, package_gone, price_title, price, prompt_title,
        prompt, limit_title, limit, later, busy_title, busy, clock_title, clock, again,
        enough_codes_title, enough_codes, no_new_code_title, no_new_code, staff_codes_title,
        staff_codes, let_go_title, let_go, voucher_ended_title, voucher_refunded_title,
        voucher_closed_title, another_voucher
    }

    /// The page of an order.
    order: OrderText {
        pending_title, pending, waiting, resume, late_title, late, send_again, completed_title,
        completed, code_label, copy, copied, connect, connect_by_hand, connect_typed, until,
        from_login, keep, new_code_title, new_code, new_code_button, new_code_by_sms, replaced_title, replaced,
        replaced_by_staff, ended_title, ended, revoked_title, revoked, failed_title,
        cancelled_title, cancelled, expired_title, expired, held_title, held, held_paid,
        refunded_title, refunded, refused_title, refused, refused_unclear, refused_call,
        refused_ask, retry, retry_unpaid, retry_phone, change, buy_more,
        wrong_number, let_go; steps
    }

    /// Where a voucher is typed, and what is left of it.
    voucher: VoucherText {
        title, lead, label, have, check, another, new_title, active_title, ended_title, ended,
        closed_title, closed, unknown_title, unknown, time, data, online
    }

    /// Why the router did not let a guest in.
    router: RouterText {
        title, time_over, data_over, too_many_devices, unknown_code, cannot_check, needs_script,
        too_late, busy, other, online_title, online, connecting_title, connecting, go_on
    }

    /// An order's state alone, for the device that it was bought from.
    state: StateText {
        pending, completed_title, completed, completed_by_staff, unpaid_title, unpaid, over_title,
        over
    }

    /// Before a voucher's code is replaced.
    reissue: ReissueText { title, closed, devices, new, limit, confirm, keep }

    /// Why a payment failed.
    reason: Reason { balance, pin, declined, network, not_sent }

    /// For a guest who has paid and has no voucher.
    paid: PaidText { title, lead, send, done_title, done }

    /// Error pages.
    trouble: TroubleText {
        order_title, order, page_title, page, away_title, away, foreign_title, foreign,
        internal_title, internal, try_again, go_home
    }

    /// One sentence per status, also the `message` of the API.
    status: StatusText {
        pending, completed, failed, cancelled, expired, held, refunded, refused
    }

    /// On a printed voucher.
    card: CardText { scan, enter, help }

    /// The sandbox's phone.
    handset: HandsetText {
        title, lead, prompts, none, prompt, to_phone, automatic, approve, wrong_pin, no_money,
        cancel, ignore, switches, switches_lead, decision, decision_usual, decision_hand,
        decision_decline, decision_cancel, decision_ignore, copies, delay, out_of_order, drop,
        no_key, push, push_accept, push_refuse, push_error, save, history, history_webhooks,
        again, to_shop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_blanks() {
        // Reading fails on a missing or unknown key.
        let _ = (text(Language::Swahili), text(Language::English));

        let swahili = flat(include_str!("text/sw.toml"));
        let english = flat(include_str!("text/en.toml"));

        assert_eq!(
            swahili.keys().collect::<Vec<_>>(),
            english.keys().collect::<Vec<_>>()
        );
        for (key, text) in &swahili {
            assert!(!text.trim().is_empty(), "{key} is empty");
            assert_eq!(blanks(text), blanks(&english[key]), "{key}");
        }
    }

    #[test]
    fn blanks_are_filled_by_name() {
        let filled = fill("{a} and {b}, {a}", &[("a", &1), ("b", &2)]);

        assert_eq!(filled, "1 and 2, 1");
    }

    fn flat(catalogue: &str) -> BTreeMap<String, String> {
        let sections: Sections = toml::from_str(catalogue).unwrap();
        let texts = sections.into_iter().flat_map(|(section, texts)| {
            texts
                .into_iter()
                .map(move |(key, value)| (format!("{section}.{key}"), format!("{value:?}")))
        });
        texts.collect()
    }

    fn blanks(text: &str) -> Vec<&str> {
        let mut blanks: Vec<_> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect();
        blanks.sort_unstable();
        blanks
    }
}
