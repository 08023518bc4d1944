//! Operators and their tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::{PageContext, Section, answer, shown};
use crate::domain::people::operator::{Operator, Role, read_name};
use crate::http::auth::Caller;
use crate::http::pages::Form;
use crate::http::problem::Problem;
use crate::store::{AuditEntry, KnownOperator};

/// Everybody who has or had a token.
#[derive(Template)]
#[template(path = "console/people.html")]
struct PeoplePage {
    desk: PageContext,
    people: Vec<KnownOperator>,
    /// A name and its token, shown this once.
    fresh: Option<(String, String)>,
    fault: Option<String>,
}

impl PeoplePage {
    async fn of(caller: &Caller) -> Result<Self, Problem> {
        Ok(Self {
            people: caller.api.store.operators().await?,
            desk: PageContext::of(caller, Section::People).await,
            fresh: None,
            fault: None,
        })
    }

    fn end_href(&self, name: &str) -> String {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("/operator/people/{name}/disable")
    }
}

/// Everybody who has or had a token.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    Ok(shown(&PeoplePage::of(&caller).await?))
}

/// Adds an operator. The answer shows the token, and nothing shows it again.
pub async fn add(form: web::ReqData<Form>, caller: Caller) -> Result<HttpResponse, Problem> {
    let fault = match wanted(&form) {
        Ok(operator) => {
            let name = operator.name.clone();
            let audit = AuditEntry {
                detail: Some(operator.role.as_str().to_owned()),
                ..caller.entry("add_operator", format!("operator {name}"))
            };
            let added = caller.api.store.add_operator(operator, Some(audit)).await?;
            if let Some(token) = added {
                return Ok(shown(&PeoplePage {
                    fresh: Some((name, token.expose().to_owned())),
                    ..PeoplePage::of(&caller).await?
                }));
            }
            format!("{name} has a token already. End it first; then a new one can be made.")
        }
        Err(why) => why,
    };
    let page = PeoplePage {
        fault: Some(fault),
        ..PeoplePage::of(&caller).await?
    };
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn wanted(form: &Form) -> Result<Operator, String> {
    let name = read_name(form.field("name").trim()).map_err(|why| format!("No token: {why}."))?;
    let role: Role = (form.field("role").parse()).map_err(|why| format!("No token: {why}."))?;
    Ok(Operator { name, role })
}
