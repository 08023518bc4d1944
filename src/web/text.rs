//! The texts of the pages: one catalogue file a language, Swahili first.
//!
//! A template names a text by its field, so a missing text does not compile, and a catalogue
//! with a key too many or too few is refused as a whole, which a test checks.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::people::language::Language;

static SWAHILI: LazyLock<Text> = LazyLock::new(|| read(include_str!("text/sw.toml")));
static ENGLISH: LazyLock<Text> = LazyLock::new(|| read(include_str!("text/en.toml")));

/// The catalogue of a language.
pub fn text(language: Language) -> &'static Text {
    match language {
        Language::Swahili => &SWAHILI,
        Language::English => &ENGLISH,
    }
}

fn read(catalogue: &str) -> Text {
    toml::from_str(catalogue).expect("a test reads both catalogues")
}

/// Puts values where a text has `{name}`.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |filled, (name, value)| {
            filled.replace(&format!("{{{name}}}"), value)
        })
}

/// Declares a section of the catalogue, all of texts.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "the catalogue says what each text is")]
        pub struct $name { $(pub $field: String),* }
    };
}

/// All texts of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// On every page.
    pub common: Common,
    /// Money, time and speed.
    pub units: Units,
    /// Where packages are chosen.
    pub shop: ShopText,
    /// Why a purchase was not made.
    pub notice: NoticeText,
    /// An order, whatever became of it.
    pub order: OrderText,
    /// An order's state alone, for the device that it was bought from.
    pub state: StateText,
    /// Before a voucher's code is replaced.
    pub reissue: ReissueText,
    /// Why a payment failed.
    pub reason: Reason,
    /// For a guest who has paid and has no voucher.
    pub paid: PaidText,
    /// When there is no such page, or none now.
    pub trouble: TroubleText,
    /// One sentence a status, also in the API's answers.
    pub status: StatusText,
    /// The sandbox's phone.
    pub handset: HandsetText,
}

section!(
    /// On every page.
    Common { other_language, skip, home, help, sandbox, sandbox_link, offline, online }
);

section!(
    /// Money, time and speed.
    Units {
        money, seconds, minute, minutes, hour, hours, day, days, speed, speed_slow, data_gb,
        data_mb, unlimited, device, devices,
    }
);

section!(
    /// Where packages are chosen.
    ShopText {
        title, lead, choose, first_login, phone, phone_hint, pay, pay_price, pin, paid_link, empty_title, empty,
    }
);

section!(
    /// Why a purchase was not made.
    NoticeText {
        title, package_missing, phone_invalid, package_gone, price_title, price, prompt_title,
        prompt, limit_title, limit, busy_title, busy, again, router_title, router,
        enough_codes_title, enough_codes, no_new_code_title, no_new_code, staff_codes_title, staff_codes,
    }
);

/// An order, whatever became of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the catalogue says what each text is")]
pub struct OrderText {
    pub steps: Vec<String>,
    pub pending_title: String,
    pub pending: String,
    pub waiting: String,
    pub resume: String,
    pub late_title: String,
    pub late: String,
    pub send_again: String,
    pub completed_title: String,
    pub completed: String,
    pub code_label: String,
    pub copy: String,
    pub copied: String,
    pub connect: String,
    pub connect_by_hand: String,
    pub until: String,
    pub from_login: String,
    pub keep: String,
    pub new_code_title: String,
    pub new_code: String,
    pub new_code_button: String,
    pub new_code_by_sms: String,
    pub replaced_title: String,
    pub replaced: String,
    pub replaced_by_staff: String,
    pub ended_title: String,
    pub ended: String,
    pub revoked_title: String,
    pub revoked: String,
    pub failed_title: String,
    pub cancelled_title: String,
    pub cancelled: String,
    pub expired_title: String,
    pub expired: String,
    pub held_title: String,
    pub held: String,
    pub held_paid: String,
    pub refunded_title: String,
    pub refunded: String,
    pub refused_title: String,
    pub refused: String,
    pub refused_unclear: String,
    pub refused_call: String,
    pub refused_ask: String,
    pub retry: String,
    pub retry_unpaid: String,
    pub retry_phone: String,
    pub change: String,
    pub buy_more: String,
}

section!(
    /// An order's state alone, for the device that it was bought from.
    StateText { pending, completed_title, completed, completed_by_staff, unpaid_title, unpaid, over_title, over }
);

section!(
    /// Before a voucher's code is replaced.
    ReissueText { title, closed, devices, new, limit, confirm, keep }
);

section!(
    /// Why a payment failed.
    Reason { balance, pin, declined, network, not_sent }
);

section!(
    /// For a guest who has paid and has no voucher.
    PaidText { title, lead, send, done_title, done }
);

section!(
    /// When there is no such page, or none now.
    TroubleText {
        order_title, order, page_title, page, away_title, away, internal_title, internal,
        try_again, go_home,
    }
);

section!(
    /// One sentence a status, also in the API's answers.
    StatusText { pending, completed, failed, cancelled, expired, held, refunded, refused }
);

section!(
    /// The sandbox's phone.
    HandsetText {
        title, lead, prompts, none, prompt, to_phone, by_itself, approve, wrong_pin, no_money,
        cancel, ignore, switches, switches_lead, decision, decision_usual, decision_hand,
        decision_decline, decision_cancel, decision_ignore, copies, delay, out_of_order, drop,
        no_key, push, push_accept, push_refuse, push_error, save, history, history_webhooks,
        again, to_shop,
    }
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_blanks() {
        // Read first: a key too many or too few in either is refused.
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
        let filled = fill("{a} and {b}, {a}", &[("a", "1"), ("b", "2")]);

        assert_eq!(filled, "1 and 2, 1");
    }

    fn flat(catalogue: &str) -> BTreeMap<String, String> {
        let sections: BTreeMap<String, BTreeMap<String, toml::Value>> =
            toml::from_str(catalogue).unwrap();
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
