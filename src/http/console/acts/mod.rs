//! What an operator does by hand: first a page that says what will happen, then the act itself,
//! by the same functions as the API's.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::packages::PRICE_MAX;
use super::{PageContext, answer, see, shown};
use crate::http::auth::Caller;
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};

mod act;
mod target;

pub use act::Act;
use target::Target;

/// Says what will happen, and asks for it.
#[derive(Template)]
#[template(path = "console/act.html")]
struct ActPage {
    desk: PageContext,
    target: Target,
    /// The page's own path, where its form goes.
    path: String,
    /// What was typed, and why it was not done.
    refused: Option<(web::ReqData<Form>, String)>,
}

/// What will happen, a sentence each.
#[derive(Template)]
#[template(path = "console/consequences.html")]
pub struct Consequences {
    act: Act,
}

impl ActPage {
    async fn of(target: Target, request: &HttpRequest, caller: &Caller) -> Self {
        Self {
            desk: PageContext::of(caller, target.section).await,
            target,
            path: request.path().to_owned(),
            refused: None,
        }
    }

    fn consequences(&self) -> Consequences {
        Consequences {
            act: self.target.act,
        }
    }

    fn typed(&self, name: &str) -> &str {
        let refused = self.refused.as_ref();
        refused.map_or("", |(form, _)| form.field(name))
    }
}

/// Says what will happen.
pub async fn ask(
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&path, &caller).await?;
    if !caller.operator().role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("A viewer only looks: ask an admin."));
    }
    Ok(shown(&ActPage::of(target, &request, &caller).await))
}

/// Does it, and leads to where one sees it.
pub async fn perform(
    path: web::Path<(String, String, String)>,
    form: web::ReqData<Form>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&path, &caller).await?;
    let Err(problem) = target.perform(&form, &caller).await else {
        return Ok(see(&format!("{}?done={}", target.home, target.act.word())));
    };
    let why = match &problem.detail {
        Some(detail) => format!("Not done: {detail}."),
        None => format!("Not done: {problem}. Look at it before you try again."),
    };
    let page = ActPage {
        refused: Some((form, why)),
        ..ActPage::of(target, &request, &caller).await
    };
    Ok(answer(problem.status_code(), &page))
}
