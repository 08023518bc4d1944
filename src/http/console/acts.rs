//! What an operator does by hand: first a page that says what will happen, then the act itself,
//! by the same calls as the API's.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};

use super::target::Target;
use super::{answer, desk, see};
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::web::console::ActPage;

/// Says what will happen.
pub async fn ask(
    path: web::Path<(String, String, String)>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&api, &visitor.operator, &path).await?;
    if !visitor.operator.role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("A viewer only looks: ask an admin."));
    }
    let act = target.act();
    let desk = desk(&api, &visitor, target.section()).await;
    let page = ActPage::new(desk, act, target.subject(&visitor, api.shop.timezone));
    Ok(answer(StatusCode::OK, &page))
}

/// Does it, and leads to where one sees it.
pub async fn perform(
    path: web::Path<(String, String, String)>,
    form: web::ReqData<Form>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&api, &visitor.operator, &path).await?;
    let act = target.act();
    match target.perform(&api, &visitor, &form).await {
        Ok(()) => Ok(see(&format!("{}?done={}", target.home(), act.word()))),
        Err(problem) => {
            let why = match problem.told() {
                Some(detail) => format!("Not done: {detail}."),
                None => format!("Not done: {problem}. Look at it before you try again."),
            };
            let desk = desk(&api, &visitor, target.section()).await;
            let page = ActPage::new(desk, act, target.subject(&visitor, api.shop.timezone))
                .refused(why, |name| form.field(name).to_owned());
            Ok(answer(problem.status_code(), &page))
        }
    }
}
