//! How an operator has access: password, authenticator, tokens and sessions. Operators change their own;
//! an admin resets what another has lost.
//!
//! # Invariants
//! A session that somebody finds open is not enough to keep access: a new password, an authenticator, another
//! token, another operator and what an admin makes for another operator need the password or a token, and to
//! be without the authenticator a code of it. An admin's own access is changed in this way alone.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;

use super::access_acts::{Done, Other, Own};
use super::{
    Caller, Code, Form, Page, PageContext, Problem, Section, admins_only, href, html, in_path,
    redirect, shown,
};
use crate::domain::people::password::{PASSWORD_MAX, PASSWORD_MIN};
use crate::domain::people::{Secret, totp};
use crate::http::pages::retry_after;
use crate::store::{KnownOperator, NamedToken, SecondFactor, SessionRow};
use crate::web::format::capitalised;
use crate::web::qr::Qr;

/// The access of one operator.
#[derive(Template)]
#[template(path = "console/access.html")]
struct AccessPage {
    context: PageContext,
    /// Whose it is; `None` for the token of the configuration, which is in no table.
    whose: Option<KnownOperator>,
    name: String,
    is_own: bool,
    /// Whether a password must be set before anything else.
    must_change: bool,
    factor: SecondFactor,
    /// The authenticator's secret as a QR code, until a code of it was seen.
    qr: Option<Qr>,
    tokens: Vec<NamedToken>,
    sessions: Vec<SessionRow>,
    /// The session of this request.
    here: Option<i64>,
    /// What is shown once.
    shown_once: Done,
    fault: Option<String>,
}

impl AccessPage {
    async fn of(name: &str, caller: &Caller, shown_once: Done) -> Result<Self, Problem> {
        let store = &caller.api.store;
        let is_own = caller.operator().name == name;
        let mut operators = store.operators().await?.into_iter();
        let whose = operators.find(|it| it.operator.name == name && it.disabled_at.is_none());
        if whose.is_none() && !is_own {
            return Err(Problem::new(Code::NotFound).detail("no operator of that name has access"));
        }
        // Of another operator nobody sees the secret.
        let factor = match store.second_factor(name).await? {
            SecondFactor::Begun(_) if !is_own => SecondFactor::Off,
            factor => factor,
        };
        let qr = match &factor {
            SecondFactor::Begun(secret) => Qr::of(&totp::uri(&caller.api.shop.brand, name, secret)),
            SecondFactor::Off | SecondFactor::On { .. } => None,
        };
        let section = if is_own {
            Section::Access
        } else {
            Section::Operators
        };
        Ok(Self {
            context: PageContext::of(caller, section).await,
            whose,
            name: name.to_owned(),
            is_own,
            must_change: caller.visitor.must_change,
            factor,
            qr,
            tokens: store.tokens_of(name).await?,
            sessions: store.sessions_of(name).await?,
            here: caller.visitor.session,
            shown_once,
            fault: None,
        })
    }

    fn has_password(&self) -> bool {
        self.whose.as_ref().is_some_and(|whose| whose.has_password)
    }

    /// To which its forms are sent.
    fn path(&self) -> String {
        path(&self.name, self.is_own)
    }

    /// In groups of four, for those who cannot scan it.
    fn spelled(&self, secret: &Secret) -> String {
        let symbols = secret.expose().as_bytes().chunks(4);
        let groups = symbols.map(|group| String::from_utf8_lossy(group).into_owned());
        groups.collect::<Vec<_>>().join(" ")
    }
}

fn path(name: &str, is_own: bool) -> String {
    if is_own {
        return Section::Access.href().to_owned();
    }
    format!("{}/{}", Section::Operators.href(), in_path(name))
}

/// The operator's own access.
pub async fn show_own(caller: Caller) -> Page {
    let name = caller.operator().name.clone();
    Ok(shown(&AccessPage::of(&name, &caller, Done::Nothing).await?))
}

/// The access of another operator, for admins.
pub async fn show(name: web::Path<String>, caller: Caller) -> Page {
    admins_only(
        &caller,
        "A viewer may only see their own access. Ask an admin.",
    )?;
    if *name == caller.operator().name {
        return Ok(redirect(Section::Access.href()));
    }
    Ok(shown(&AccessPage::of(&name, &caller, Done::Nothing).await?))
}

/// Changes the operator's own access.
pub async fn change_own(form: web::ReqData<Form>, caller: Caller) -> Page {
    let name = caller.operator().name.clone();
    let done = match form.field("act").parse() {
        Ok(act) => Own::perform(act, &form, &caller).await,
        Err(_) => Err(Problem::new(Code::NotFound)),
    };
    answer(&name, &caller, done).await
}

/// Resets the access of another operator.
pub async fn change(name: web::Path<String>, form: web::ReqData<Form>, caller: Caller) -> Page {
    if *name == caller.operator().name {
        let why = "your own access is changed on the page My access";
        return Err(Code::Forbidden.detail(why));
    }
    let done = match form.field("act").parse() {
        Ok(act) => Other::perform(act, &name, &form, &caller).await,
        Err(_) => Err(Problem::new(Code::NotFound)),
    };
    answer(&name, &caller, done).await
}

/// What is shown once is on this answer; anything else redirects, so that a reload repeats nothing.
async fn answer(name: &str, caller: &Caller, done: Result<Done, Problem>) -> Page {
    let is_own = caller.operator().name == name;
    match done {
        Ok(Done::Sentence(done)) => Ok(redirect(&href(&path(name, is_own), &[("done", done)]))),
        Ok(Done::Nothing) => Ok(redirect(&path(name, is_own))),
        Ok(shown_once) => Ok(shown(&AccessPage::of(name, caller, shown_once).await?)),
        Err(problem) => refused(name, caller, problem).await,
    }
}

async fn refused(name: &str, caller: &Caller, problem: Problem) -> Result<HttpResponse, Problem> {
    let Some(why) = problem.detail.clone() else {
        return Err(problem);
    };
    let page = AccessPage {
        fault: Some(format!("{}.", capitalised(why.trim_end_matches('.')))),
        ..AccessPage::of(name, caller, Done::Nothing).await?
    };
    let answer = html(problem.status_code(), &page);
    Ok(retry_after(answer, problem.retry_after_secs))
}
