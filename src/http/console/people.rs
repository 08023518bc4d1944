//! Operators and their tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{answer, desk, done, parameter};
use crate::domain::people::operator::{Operator, Role, read_name};
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::acts::entry;
use crate::http::pages::Form;
use crate::http::problem::Problem;
use crate::store::AuditEntry;
use crate::web::console::{PeoplePage, Person, Section, until};

/// Everybody who has or had a token.
pub async fn show(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let said = done(&parameter(&request, "done"));
    let page = page(&api, &visitor, said).await?;
    Ok(answer(StatusCode::OK, &page))
}

async fn page(
    api: &Api,
    visitor: &Visitor,
    said: Option<&'static str>,
) -> Result<PeoplePage, Problem> {
    let people = api.store.operators().await?;
    let people = people.into_iter().map(|known| Person {
        name: known.operator.name,
        role: known.operator.role,
        since: until(known.since, api.shop.timezone),
        disabled: known.disabled_at.map(|at| until(at, api.shop.timezone)),
    });
    let people = people.collect();
    let mut desk = desk(api, visitor, Section::People).await;
    desk.done = said;
    Ok(PeoplePage::new(desk, people))
}

/// Takes somebody on. The answer shows the token, and nothing shows it again.
pub async fn add(
    form: web::ReqData<Form>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let fault = match wanted(&form) {
        Ok(operator) => {
            let name = operator.name.clone();
            let audit = AuditEntry {
                subject: format!("operator {name}"),
                detail: Some(operator.role.as_str().to_owned()),
                ..entry(&visitor.operator, "add_operator")
            };
            let added = api.store.add_operator(operator, Some(audit)).await?;
            if let Some(token) = added {
                let page = page(&api, &visitor, None).await?;
                let page = page.welcomed(name, token.expose().to_owned());
                return Ok(answer(StatusCode::OK, &page));
            }
            format!("{name} has a token already. End it first; then a new one can be made.")
        }
        Err(why) => why,
    };
    let page = page(&api, &visitor, None).await?.refused(fault);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn wanted(form: &Form) -> Result<Operator, String> {
    let name = read_name(form.field("name").trim()).map_err(|why| format!("No token: {why}."))?;
    let role: Role = (form.field("role").parse()).map_err(|why| format!("No token: {why}."))?;
    Ok(Operator { name, role })
}
