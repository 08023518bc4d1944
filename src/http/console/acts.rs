//! Manual actions: a confirmation page, which says what will happen and has the fields that the
//! action needs, then the action, by the same functions as the API's.

use actix_web::{ResponseError, web};
use askama::Template;

use super::act::Act;
use super::act_targets::{self, ActPath, Target};
use super::packages::PRICE_MAX;
use super::routers::{self, SIGNED_ONLY};
use super::{Caller, Code, Form, Page, PageContext, Problem, href, html, redirect, shown};
use crate::http::operators::execute::{Fields, NOTE_MAX, REASON_MAX, SEEN};

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
    if !caller.operator().role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("A viewer may only read: ask an admin."));
    }
    let (act, target) = Target::find(&path, &caller).await?;
    let form = match act {
        Act::ChangeRouter => routers::form_of(&path.1, &caller).await?,
        _ => Form::default(),
    };
    Ok(shown(&ActPage {
        form,
        ..ActPage::of(act, target, &caller).await
    }))
}

/// Executes the action, and redirects to the page that shows the result.
pub async fn perform(path: web::Path<ActPath>, form: web::ReqData<Form>, caller: Caller) -> Page {
    let (act, target) = Target::find(&path, &caller).await?;
    let fields = Fields::of_form(&form);
    let problem = match act_targets::perform(act, &path, &fields, &caller).await {
        Ok(()) => {
            let done = [("done", act.text().segment)];
            return Ok(redirect(&href(&target.home, &done)));
        }
        Err(problem) => problem,
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
    use crate::http::console::act::{TEXTS, Text};
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
                seen: None,
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
