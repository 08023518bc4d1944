//! Routers: what is known of each, the form for another, and the script of one.

use actix_web::web;
use askama::Template;
use chrono::{DateTime, Utc};

use super::format::duration;
use super::{
    Caller, Code, Facts, Form, Page, PageContext, Problem, Section, admins_only, in_path, invalid,
    known, redirect, refused, shown,
};
use crate::domain::access::{DisconnectResult, Router, RouterFault, RouterKind, RouterStatus};
use crate::http::operators::execute::Fields;
use crate::http::operators::router_edit::{Entered, add_router, router_named, script_of};

/// Characters of an address and of a name.
const ADDRESS_MAX: usize = 50;
const NAME_MAX: usize = 32;
/// Characters of an identifier and of a secret.
const IDENTIFIER_MAX: usize = 64;
const SECRET_MAX: usize = 60;

/// FreeRADIUS drops the other log-ins of such a router.
pub const SIGNED_ONLY: &str = "signed only (RouterOS 7.15 and later)";

/// All routers.
#[derive(Template)]
#[template(path = "console/routers.html")]
struct RoutersPage {
    context: PageContext,
    lines: Vec<Line>,
    now: DateTime<Utc>,
    /// What was typed for a new router.
    form: Form,
    /// Why it was not added.
    fault: Option<String>,
}

struct Line {
    router: Router,
    status: RouterStatus,
    faults: Vec<RouterFault>,
}

impl RoutersPage {
    async fn of(caller: &Caller, form: Form, fault: Option<String>) -> Result<Self, Problem> {
        let store = &caller.api.store;
        let now = store.clock().now();
        let line = |(router, status): (Router, RouterStatus)| Line {
            faults: status.faults(&router, now),
            router,
            status,
        };
        Ok(Self {
            context: PageContext::of(caller, Section::Routers).await,
            lines: store.router_states().await?.into_iter().map(line).collect(),
            now,
            form,
            fault,
        })
    }

    /// `5 min ago`, or `never`.
    fn since(&self, at: &Option<DateTime<Utc>>) -> String {
        let Some(at) = at else {
            return "never".to_owned();
        };
        let ms = u64::try_from((self.now - *at).num_milliseconds()).unwrap_or(0);
        format!("{} ago", duration(ms))
    }

    fn signs(&self, status: &RouterStatus) -> &'static str {
        match (status.signed_at, status.unsigned_at) {
            (None, None) => "–",
            (signed, unsigned) if signed >= unsigned => "yes",
            _ => "no",
        }
    }

    fn disconnect(&self, status: &RouterStatus) -> String {
        let Some((at, result)) = &status.disconnect else {
            return "never asked".to_owned();
        };
        let said = match result {
            DisconnectResult::Acknowledged => "ACK",
            DisconnectResult::WasGone => "NAK, no such session",
            DisconnectResult::Refused => "NAK, refused",
            DisconnectResult::Silent => "no answer",
        };
        format!("{said}, {}", self.since(&Some(*at)))
    }
}

/// The script of one router, for its terminal.
#[derive(Template)]
#[template(path = "console/router.html")]
struct RouterPage {
    context: PageContext,
    router: Router,
    /// `None` for a router that is no MikroTik.
    script: Option<String>,
}

/// All routers, and the form for another.
pub async fn show(caller: Caller) -> Page {
    let page = RoutersPage::of(&caller, Form::default(), None).await?;
    Ok(shown(&page))
}

/// Adds a router, and shows its script.
pub async fn add(form: web::ReqData<Form>, caller: Caller) -> Page {
    let added = match entered(&Fields::of_form(&form)) {
        Ok(entered) => add_router(entered, &caller).await,
        Err(problem) => Err(problem),
    };
    let fault = match added {
        Ok(router) => {
            let script = format!("/operator/routers/{}", in_path(&router.name));
            return Ok(redirect(&script));
        }
        Err(problem) if matches!(problem.code, Code::InvalidValue | Code::InvalidTransition) => {
            format!("Not added: {}.", problem.detail.unwrap_or_default())
        }
        Err(problem) => return Err(problem),
    };
    let page = RoutersPage::of(&caller, form.into_inner(), Some(fault)).await?;
    Ok(refused(&page))
}

/// The values of a form. What is blank is left as it is.
///
/// # Errors
/// A 422 if a text is too long, or the port is no number.
pub fn entered(fields: &Fields) -> Result<Entered, Problem> {
    let port = fields
        .optional("coa_port", 5)?
        .map(|text| text.parse::<u32>());
    let port = port.transpose();
    Ok(Entered {
        address: fields.optional("address", ADDRESS_MAX)?,
        name: fields.optional("name", NAME_MAX)?,
        identifier: fields.optional("identifier", IDENTIFIER_MAX)?,
        kind: fields.optional("type", 10)?,
        secret: fields.optional("secret", SECRET_MAX)?,
        coa_port: port.map_err(|_| invalid("the port is a whole number"))?,
        require_message_auth: fields.optional("signed", 3)?.map(|word| word == "yes"),
    })
}

/// The whole script of a router, with its secret, for admins alone. That it was shown is logged.
pub async fn script(name: web::Path<String>, caller: Caller) -> Page {
    admins_only(&caller, "Scripts have secrets: ask an admin.")?;
    let router = router_named(&name, &caller).await?;
    let subject = format!("router {} (script)", router.name);
    caller.record_unmasking(None, &subject).await?;
    Ok(shown(&RouterPage {
        context: PageContext::of(&caller, Section::Routers).await,
        script: script_of(&router, &caller).await?,
        router,
    }))
}

/// The form that changes a router, with its values; the secret is not shown.
///
/// # Errors
/// A 404 if there is none of that name.
pub async fn form_of(name: &str, caller: &Caller) -> Result<Form, Problem> {
    let router = router_named(name, caller).await?;
    let signed = if router.require_message_auth {
        "yes"
    } else {
        "no"
    };
    Ok(Form::of([
        ("address", router.address),
        ("name", router.name),
        ("identifier", router.identifier.unwrap_or_default()),
        ("coa_port", router.coa_port.to_string()),
        ("signed", signed.to_owned()),
    ]))
}

/// A router, on the confirmation page of an action.
///
/// # Errors
/// A 404 if there is none of that name.
pub async fn facts(name: &str, caller: &Caller) -> Result<(String, Facts), Problem> {
    let router = router_named(name, caller).await?;
    let signed = router.require_message_auth;
    let facts = known([
        ("Address", Some(router.address)),
        ("Identity", router.identifier),
        ("Type", Some(router.kind.spelled().to_owned())),
        ("Port for Disconnects", Some(router.coa_port.to_string())),
        ("Log-ins", signed.then(|| SIGNED_ONLY.to_owned())),
    ]);
    Ok((format!("Router {name}"), facts))
}
