//! The sandbox's phone: the subscriber's side of a payment, played by a person.

use askama::Template;

use super::format;
use super::frame::Frame;
use super::text::fill;
use crate::domain::catalog::money::Tzs;
use crate::domain::people::phone::Phone;

/// Prompts to answer, switches for those to come, and what went before.
#[derive(Template)]
#[template(path = "handset.html")]
pub struct HandsetPage<'a> {
    frame: Frame<'a>,
    prompts: Vec<Prompt>,
    past: Vec<Past>,
    switches: Switches,
}

/// A payment that waits for the subscriber.
pub struct Prompt {
    /// The merchant's own.
    pub order_id: String,
    /// What is asked for.
    pub amount: Tzs,
    /// Whose phone rings.
    pub phone: Phone,
    /// The simulated subscriber will accept without being told.
    pub decides_itself: bool,
}

/// A payment that was decided on.
pub struct Past {
    /// The merchant's own.
    pub order_id: String,
    /// What was asked for.
    pub amount: Tzs,
    /// In ZenoPay's words.
    pub word: String,
    /// Webhooks in all.
    pub planned: i64,
    /// Those that were answered 200.
    pub delivered: i64,
}

/// How payments from now on behave, as the form shows it.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// `usual`, `hand`, `decline`, `cancel` or `ignore`.
    pub decision: &'static str,
    /// How long the subscriber thinks as configured, in milliseconds; 0 is by hand.
    pub usual_ms: u64,
    /// Of each webhook.
    pub copies: u32,
    /// Of each webhook, in milliseconds.
    pub delay_ms: u64,
    /// A late PENDING follows.
    pub out_of_order: bool,
    /// No webhook at all.
    pub drop: bool,
    /// Without `x-api-key`.
    pub no_key: bool,
    /// `accept`, `refuse` or `error`.
    pub push: &'static str,
}

impl<'a> HandsetPage<'a> {
    /// The phone as it is now.
    pub fn new(
        frame: Frame<'a>,
        prompts: Vec<Prompt>,
        past: Vec<Past>,
        switches: Switches,
    ) -> Self {
        Self {
            frame,
            prompts,
            past,
            switches,
        }
    }

    fn asks(&self, amount: &Tzs) -> String {
        let price = format::money(self.frame.text, *amount);
        let blanks = [("price", &*price), ("brand", &self.frame.shop.brand)];
        fill(&self.frame.text.handset.prompt, &blanks)
    }

    fn to_phone(&self, phone: &Phone) -> String {
        let phone = format::phone(phone);
        fill(&self.frame.text.handset.to_phone, &[("phone", &phone)])
    }

    fn answer_href(&self, order_id: &str) -> String {
        self.frame.link(&format!("/sandbox/phone/{order_id}"))
    }

    fn order_href(&self, order_id: &str) -> String {
        self.frame.link(&format!("/order/{order_id}"))
    }

    fn price(&self, amount: &Tzs) -> String {
        format::money(self.frame.text, *amount)
    }

    fn webhooks(&self, past: &Past) -> String {
        let blanks = [
            ("delivered", &*past.delivered.to_string()),
            ("planned", &*past.planned.to_string()),
        ];
        fill(&self.frame.text.handset.history_webhooks, &blanks)
    }

    /// What the subscriber may do of itself: value and label.
    fn decisions(&self) -> Vec<(&'static str, String)> {
        let text = &self.frame.text.handset;
        let wait = format::wait(self.frame.text, self.switches.usual_ms.div_ceil(1_000));
        let usual = fill(&text.decision_usual, &[("wait", &wait)]);
        let mut decisions = vec![
            ("hand", text.decision_hand.clone()),
            ("decline", text.decision_decline.clone()),
            ("cancel", text.decision_cancel.clone()),
            ("ignore", text.decision_ignore.clone()),
        ];
        // Configured to be by hand: then nothing is usual.
        if self.switches.usual_ms > 0 {
            decisions.insert(0, ("usual", usual));
        }
        decisions
    }

    fn pushes(&self) -> [(&'static str, &'static str); 3] {
        let text = &self.frame.text.handset;
        [
            ("accept", &text.push_accept),
            ("refuse", &text.push_refuse),
            ("error", &text.push_error),
        ]
    }
}
