//! Who did what.

use actix_web::HttpResponse;
use askama::Template;

use super::{PageContext, Section, address, shown};
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::store::AuditLine;

/// Lines a page.
const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    desk: PageContext,
    operator: String,
    rows: Vec<AuditLine>,
    next: Option<String>,
}

/// The audit log, of one operator or of all.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    let operator = caller.parameter("operator");
    let before = caller.parameter("before").parse().ok();
    // PostgreSQL refuses NUL in a text, and no name holds one.
    let wanted = Some(operator.replace('\0', "")).filter(|name| !name.is_empty());
    let mut page = caller.api.store.audit_log(wanted, before, PAGE).await?;
    if caller.sight() == Visibility::Masked {
        // What an admin has typed may name a guest.
        for detail in page.items.iter_mut().filter_map(|row| row.detail.as_mut()) {
            *detail = "only for admins".to_owned();
        }
    }
    let next = page.next.map(|id| {
        let parameters = [("operator", operator.as_str()), ("before", &id.to_string())];
        address("/operator/audit", &parameters)
    });
    Ok(shown(&AuditPage {
        desk: PageContext::of(&caller, Section::Audit).await,
        operator,
        rows: page.items,
        next,
    }))
}
