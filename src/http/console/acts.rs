//! Manual actions: a confirmation page that says what will happen and asks for the reason, then the
//! action, by the same functions as the API's.

use actix_web::{ResponseError, web};
use askama::Template;

use super::act_targets::{self, ActPath, Target};
use super::packages::PRICE_MAX;
use super::{Caller, Code, Form, Page, PageContext, Problem, href, html, redirect, shown};
use crate::http::operators::execute::{Fields, NOTE_MAX, REASON_MAX};

/// What an operator may do by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Reconcile,
    Release,
    Refuse,
    Refund,
    Revoke,
    Reissue,
    Resend,
    Replay,
    ChangePrice,
    Retire,
    Offer,
    EndToken,
    SendHeld,
    DropHeld,
}

/// The texts of an action. What will happen is in `templates/console/consequences.html`.
pub struct Text {
    act: Act,
    /// The kinds of target, as in the first part of the path.
    pub kinds: &'static [&'static str],
    /// The last part of the path.
    pub segment: &'static str,
    /// The label of the button.
    pub name: &'static str,
    /// Whether a guest or an operator loses something.
    pub takes_away: bool,
    /// Shown after success.
    pub done: &'static str,
}

/// In the order of the enum.
#[rustfmt::skip] // A table is read by its columns.
static TEXTS: [Text; 14] = [
    Text { act: Act::Reconcile, kinds: &["orders"], segment: "reconcile", name: "Ask ZenoPay", takes_away: false, done: "ZenoPay was asked; what it said is the newest line below." },
    Text { act: Act::Release, kinds: &["orders"], segment: "release", name: "Complete the order", takes_away: false, done: "The order is completed, and the guest has the voucher." },
    Text { act: Act::Refuse, kinds: &["orders"], segment: "refuse", name: "Refuse the order", takes_away: true, done: "The order is refused. Pay the guest back by hand." },
    Text { act: Act::Refund, kinds: &["orders"], segment: "refund", name: "Record a refund", takes_away: true, done: "The refund is recorded, and the voucher is revoked." },
    Text { act: Act::Revoke, kinds: &["orders", "printed"], segment: "revoke", name: "Revoke the voucher", takes_away: true, done: "The voucher is revoked." },
    Text { act: Act::Reissue, kinds: &["orders"], segment: "reissue", name: "Give a new code", takes_away: true, done: "The voucher has a new code, which is below and goes out by SMS." },
    Text { act: Act::Resend, kinds: &["sms"], segment: "resend", name: "Send the SMS again", takes_away: false, done: "The SMS is queued again." },
    Text { act: Act::Replay, kinds: &["deliveries"], segment: "replay", name: "Replay", takes_away: false, done: "The webhook was replayed; what came of it is below." },
    Text { act: Act::ChangePrice, kinds: &["packages"], segment: "price", name: "Change the price", takes_away: false, done: "The price is changed, for orders from now on." },
    Text { act: Act::Retire, kinds: &["packages"], segment: "retire", name: "Retire the package", takes_away: false, done: "The package is no longer on sale. What was sold stays valid." },
    Text { act: Act::Offer, kinds: &["packages"], segment: "offer", name: "Offer the package again", takes_away: false, done: "The package is on sale again." },
    Text { act: Act::EndToken, kinds: &["people"], segment: "disable", name: "End the token", takes_away: true, done: "The token and its sessions are ended." },
    Text { act: Act::SendHeld, kinds: &["outbox"], segment: "send", name: "Send what is held back", takes_away: false, done: "Nothing is held back any more: what waited is being sent." },
    Text { act: Act::DropHeld, kinds: &["outbox"], segment: "drop", name: "Drop what the backup had queued", takes_away: true, done: "Nothing is held back any more: what the backup had queued is given up." },
];

impl Act {
    /// Its texts.
    pub fn text(self) -> &'static Text {
        &TEXTS[self as usize]
    }

    /// Reads the last part of a path.
    pub fn read(segment: &str) -> Option<Self> {
        let text = TEXTS.iter().find(|text| text.segment == segment);
        text.map(|text| text.act)
    }
}

/// What will happen, and the form.
#[derive(Template)]
#[template(path = "console/act.html")]
struct ActPage {
    context: PageContext,
    act: Act,
    target: Target,
    /// The page's own path, to which its form is sent.
    path: String,
    /// What was typed.
    form: Form,
    /// Why it was not done.
    fault: Option<String>,
}

impl ActPage {
    async fn of(act: Act, target: Target, caller: &Caller) -> Self {
        Self {
            context: PageContext::of(caller, target.section).await,
            act,
            target,
            path: caller.request.path().to_owned(),
            form: Form::default(),
            fault: None,
        }
    }
}

/// Says what will happen.
pub async fn ask(path: web::Path<ActPath>, caller: Caller) -> Page {
    let (act, target) = Target::find(&path, &caller).await?;
    if !caller.operator().role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("A viewer may only read: ask an admin."));
    }
    Ok(shown(&ActPage::of(act, target, &caller).await))
}

/// Executes the action, and redirects to the page that shows the result.
pub async fn perform(path: web::Path<ActPath>, form: web::ReqData<Form>, caller: Caller) -> Page {
    let (act, target) = Target::find(&path, &caller).await?;
    let fields = Fields::of_form(&form);
    let Err(problem) = act_targets::perform(act, &path, &fields, &caller).await else {
        let done = [("done", act.text().segment)];
        return Ok(redirect(&href(&target.home, &done)));
    };
    let why = match problem.detail.as_deref() {
        Some(detail) => format!("Not done: {detail}."),
        None => format!("Not done: {problem}. Check before you try again."),
    };
    let page = ActPage {
        form: form.into_inner(),
        fault: Some(why),
        ..ActPage::of(act, target, &caller).await
    };
    Ok(html(problem.status_code(), &page))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::console::Section;
    use crate::http::console::tests::context;

    fn page(act: Act) -> String {
        let page = ActPage {
            context: context(),
            act,
            target: Target {
                section: Section::Live,
                home: String::new(),
                title: String::new(),
                facts: Vec::new(),
            },
            path: String::new(),
            form: Form::default(),
            fault: None,
        };
        page.render().unwrap()
    }

    #[test]
    fn every_action_says_what_will_happen_and_is_found_by_its_path() {
        for (at, text) in TEXTS.iter().enumerate() {
            assert_eq!(
                text.act as usize, at,
                "in the order of the enum, without a gap"
            );
            assert_eq!(Act::read(text.act.text().segment), Some(text.act));
            assert!(
                page(text.act).matches("<li>").count() >= 2,
                "{:?}",
                text.act
            );
        }
        assert_eq!(
            Act::DropHeld as usize,
            TEXTS.len() - 1,
            "the last action has a row"
        );
        assert_eq!(Act::read("delete"), None);
    }

    #[test]
    fn an_action_that_takes_something_away_asks_for_a_reason() {
        for Text { act, .. } in &TEXTS {
            let asks = page(*act).contains("name=\"reason\"");
            assert!(asks || !act.text().takes_away, "{act:?}");
        }
    }
}
