//! Who is on-line.

use askama::Template;
use chrono::{DateTime, Utc};

use super::format::{date_time, duration};
use super::{
    Caller, Facts, Page, PageContext, Problem, Section, known, next_page, refused, search_fault,
    shown,
};
use crate::domain::people::Visibility;
use crate::http::operators::sessions::{SessionsQuery, find_sessions, mac, no_such_session};
use crate::store::OnlineSession;

/// Sessions, newest first, with those that a router forgot.
#[derive(Template)]
#[template(path = "console/sessions.html")]
struct SessionsPage {
    context: PageContext,
    q: String,
    sessions: Vec<OnlineSession>,
    /// The next page.
    next: Option<String>,
    now: DateTime<Utc>,
    fault: Option<String>,
}

impl SessionsPage {
    fn code(&self, session: &OnlineSession) -> String {
        Visibility::Masked.code(session.code.as_str())
    }

    fn device(&self, session: &OnlineSession) -> String {
        mac(session, self.context.visibility()).unwrap_or_else(|| "–".to_owned())
    }

    fn span(&self, from: &DateTime<Utc>) -> String {
        duration(u64::try_from((self.now - *from).num_milliseconds()).unwrap_or(0))
    }

    fn left(&self, session: &OnlineSession) -> String {
        let secs = session
            .seconds_left
            .and_then(|secs| u64::try_from(secs).ok());
        secs.map_or("–".to_owned(), |secs| {
            duration(secs.saturating_mul(1_000))
        })
    }

    fn mib(&self, session: &OnlineSession) -> String {
        format!("{} MiB", session.octets / 1_048_576)
    }
}

/// A page of sessions.
pub async fn show(caller: Caller) -> Page {
    let q = caller.parameter("q");
    let query = SessionsQuery {
        q: Some(q.clone()),
        limit: None,
        cursor: Some(caller.parameter("cursor")),
    };
    let (found, fault) = match find_sessions(&query, &caller).await {
        Ok(page) => (Some(page), None),
        Err(problem) => (None, Some(search_fault(problem)?)),
    };
    let next = found.as_ref().and_then(|page| page.next);
    let page = SessionsPage {
        context: PageContext::of(&caller, Section::Sessions).await,
        next: next_page(Section::Sessions, &[("q", &q)], next),
        q,
        sessions: found.map(|page| page.items).unwrap_or_default(),
        now: caller.api.store.clock().now(),
        fault,
    };
    match page.fault {
        None => Ok(shown(&page)),
        Some(_) => Ok(refused(&page)),
    }
}

/// A session, on the confirmation page of an action.
///
/// # Errors
/// A 404 if it is over.
pub async fn facts(id: &str, caller: &Caller) -> Result<(String, Facts), Problem> {
    let row = id.parse::<i64>().map_err(|_| no_such_session())?;
    let before = Some(row.saturating_add(1));
    let mut page = caller.api.store.online(before, 1).await?;
    let session = page.items.pop().filter(|session| session.id == row);
    let session = session.ok_or_else(no_such_session)?;
    let facts = known([
        (
            "Voucher",
            Some(Visibility::Masked.code(session.code.as_str())),
        ),
        ("Router", Some(session.router)),
        ("Since", Some(date_time(session.since, caller.api.timezone))),
    ]);
    Ok((format!("Session {row}"), facts))
}
