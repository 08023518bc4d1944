//! Operators with their tokens, and the audit log of what they did.

use actix_web::{ResponseError, web};
use askama::Template;

use super::access_acts::prove;
use super::{
    Caller, Code, Form, Page, PageContext, Problem, Section, html, in_path, next_page, refused,
    shown,
};
use crate::domain::order::OrderId;
use crate::domain::people::{NotARole, Operator, Visibility, read_name};
use crate::http::operators::cursor_of;
use crate::http::pages::retry_after;
use crate::store::{AuditLine, KnownOperator};
use crate::web::format::capitalised;

/// Lines of the audit log per page.
const PAGE: u64 = 100;

/// A name and its new token, shown once.
type Added = Option<(String, String)>;

/// All operators that have or had a token.
#[derive(Template)]
#[template(path = "console/operators.html")]
struct OperatorsPage {
    context: PageContext,
    operators: Vec<KnownOperator>,
    added: Added,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    context: PageContext,
    operator: String,
    rows: Vec<AuditLine>,
    next: Option<String>,
}

impl OperatorsPage {
    async fn of(caller: &Caller, added: Added, fault: Option<String>) -> Result<Self, Problem> {
        Ok(Self {
            operators: caller.api.store.operators().await?,
            context: PageContext::of(caller, Section::Operators).await,
            added,
            fault,
        })
    }

    fn access_href(&self, name: &str) -> String {
        format!("/operator/people/{}", in_path(name))
    }

    fn end_href(&self, name: &str) -> String {
        format!("{}/disable", self.access_href(name))
    }
}

/// All operators that have or had a token.
pub async fn show(caller: Caller) -> Page {
    Ok(shown(&OperatorsPage::of(&caller, None, None).await?))
}

/// Adds an operator. Only this answer shows the token.
pub async fn add(form: web::ReqData<Form>, caller: Caller) -> Page {
    if let Err(problem) = prove(&form, &caller).await {
        return unproven(problem, &caller).await;
    }
    let fault = match new_operator(&form) {
        Ok(operator) => {
            let name = operator.name.clone();
            let role = operator.role.as_str().to_owned();
            let audit = caller.audit_entry("add_operator", format!("operator {name}"), Some(role));
            let added = caller.api.store.add_operator(operator, Some(audit)).await?;
            if let Some(token) = added {
                let added = (name, token.expose().to_owned());
                return Ok(shown(&OperatorsPage::of(&caller, Some(added), None).await?));
            }
            format!("There is a {name} already. A further token is made on the page of {name}.")
        }
        Err(why) => format!("No token: {why}."),
    };
    let page = OperatorsPage::of(&caller, None, Some(fault)).await?;
    Ok(refused(&page))
}

async fn unproven(problem: Problem, caller: &Caller) -> Page {
    let Some(why) = &problem.detail else {
        return Err(problem);
    };
    let fault = Some(format!("{}.", capitalised(why)));
    let page = OperatorsPage::of(caller, None, fault).await?;
    let answer = html(problem.status_code(), &page);
    Ok(retry_after(answer, problem.retry_after_secs))
}

fn new_operator(form: &Form) -> Result<Operator, String> {
    let name = read_name(form.field("name").trim()).map_err(|why| why.to_string())?;
    let role = form.field("role").parse();
    let role = role.map_err(|why: NotARole| why.to_string())?;
    Ok(Operator { name, role })
}

/// The audit log of one operator or of all.
pub async fn audit(caller: Caller) -> Page {
    let operator = caller.parameter("operator");
    let before = cursor_of(&Some(caller.parameter("cursor")))?;
    // No name has a control character, and PostgreSQL refuses NUL in a text.
    if operator.contains(char::is_control) {
        return Err(Problem::new(Code::InvalidQuery).detail("operator is the name of an operator"));
    }
    let wanted = Some(operator.clone()).filter(|name| !name.is_empty());
    let mut page = caller.api.store.audit_log(wanted, before, PAGE).await?;
    if caller.visibility() == Visibility::Masked {
        // The detail is free text, which may contain the name of a guest.
        for detail in page.items.iter_mut().filter_map(|row| row.detail.as_mut()) {
            *detail = "only for admins".to_owned();
        }
    }
    Ok(shown(&AuditPage {
        context: PageContext::of(&caller, Section::Audit).await,
        next: next_page(Section::Audit, &[("operator", &operator)], page.next),
        operator,
        rows: page.items,
    }))
}
