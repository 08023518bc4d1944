//! Who is on-line, and ending a session.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Answer, Caller, Code, Problem, cursor, cursor_of, filled, limit_of, no_store, rfc3339,
};
use crate::domain::access::DeviceMac;
use crate::domain::people::Visibility;
use crate::store::{OnlineSession, Page};

/// Sessions that are read at a time while a search looks for its matches.
const CHUNK: u64 = 10_000;
/// Characters of a search.
const LONGEST: usize = 100;

/// Filters, and which page.
#[derive(Deserialize)]
pub struct SessionsQuery {
    pub q: Option<String>,
    pub limit: Option<String>,
    pub cursor: Option<String>,
}

/// A page of sessions, newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionsDocument {
    sessions: Vec<SessionRow>,
    /// For the next page; null after the last.
    next_cursor: Option<String>,
}

/// A device at a router.
#[derive(Serialize, ToSchema)]
pub struct SessionRow {
    id: i64,
    /// The `ref` of its voucher's order; null for a printed voucher.
    order: Option<String>,
    /// Masked for all operators.
    voucher_code: String,
    /// The router's name.
    router: String,
    /// Twelve hex digits, masked for viewers; null if the router does not say.
    mac: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    since: String,
    /// Both ways together.
    bytes: i64,
    /// Until the voucher ends; null if it is no voucher.
    seconds_left: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    last_heard_at: String,
    /// Its router has not reported it for three intervals, and may have forgotten it.
    stale: bool,
}

/// A Disconnect-Request that was queued.
#[derive(Serialize, ToSchema)]
pub struct DisconnectQueued {
    id: i64,
}

/// Who is on-line, newest first; codes are masked.
#[utoipa::path(get, path = "/api/v1/operator/sessions", tag = "operator",
    params(
        ("q" = Option<String>, Query, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "A whole voucher code, a device's address, a router's name, or the `ref` of an order"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Sessions per page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of sessions", body = SessionsDocument),
        (status = 422, description = "`invalid_query`"),
        (status = 429, description = "`rate_limited`: a viewer searches 30 times a minute")))]
pub async fn list(query: web::Query<SessionsQuery>, caller: Caller) -> Answer {
    let page = find_sessions(&query, &caller).await?;
    let visibility = caller.visibility();
    let row = |session: &OnlineSession| SessionRow {
        id: session.id,
        order: session.order_id.map(|id| id.order_ref().to_string()),
        voucher_code: Visibility::Masked.code(session.code.as_str()),
        router: session.router.clone(),
        mac: mac(session, visibility),
        since: rfc3339(session.since),
        bytes: session.octets,
        seconds_left: session.seconds_left,
        last_heard_at: rfc3339(session.heard_at),
        stale: session.is_stale,
    };
    Ok(no_store(SessionsDocument {
        sessions: page.items.iter().map(row).collect(),
        next_cursor: page.next.map(cursor),
    }))
}

/// Asks the router to end a session. The device can log in again while its voucher is valid.
#[utoipa::path(post, path = "/api/v1/operator/sessions/{id}/disconnect", tag = "operator",
    params(("id" = String, Path)),
    responses(
        (status = 202, description = "A Disconnect-Request is queued", body = DisconnectQueued),
        (status = 404, description = "`not_found`: nobody is on-line with that id")))]
pub async fn disconnect(id: web::Path<String>, caller: Caller) -> Answer {
    let id = disconnect_session(&id, &caller).await?;
    Ok(HttpResponse::Accepted().json(DisconnectQueued { id }))
}

/// Queues a Disconnect-Request for a session, and returns its id.
///
/// # Errors
/// A 404 if there is no such session.
pub async fn disconnect_session(id: &str, caller: &Caller) -> Result<i64, Problem> {
    let id = id.parse().map_err(|_| no_such_session())?;
    let audit = caller.audit_entry("disconnect", format!("session {id}"), None);
    let queued = caller.api.store.disconnect_session(id, audit).await?;
    queued.map(|()| id).ok_or_else(no_such_session)
}

/// The problem of a session that does not exist, or is over.
pub fn no_such_session() -> Problem {
    Code::NotFound.detail("nobody is on-line with that id")
}

/// A page of the sessions that a query is about. A search reads all open sessions, which are few beside
/// those that are over.
///
/// # Errors
/// 422 `invalid_query`.
pub async fn find_sessions(
    query: &SessionsQuery,
    caller: &Caller,
) -> Result<Page<OnlineSession>, Problem> {
    let (limit, before) = (limit_of(&query.limit)?, cursor_of(&query.cursor)?);
    let store = &caller.api.store;
    let Some(text) = filled(&query.q) else {
        return Ok(store.online(before, limit).await?);
    };
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Code::InvalidQuery.detail(
            "q is a voucher code, a device's address, a router's name or the first eight digits of an order",
        ));
    }
    caller.count_search(text).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut items, mut before) = (Vec::new(), before);
    loop {
        let page = store.online(before, CHUNK).await?;
        for session in page.items {
            if !matches(&session, text) {
                continue;
            }
            if items.len() == limit {
                let next = items.last().map(|last: &OnlineSession| last.id);
                return Ok(Page { items, next });
            }
            items.push(session);
        }
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(Page { items, next: None }),
        }
    }
}

/// Only whole values: a viewer could find out a masked one by its parts.
fn matches(session: &OnlineSession, text: &str) -> bool {
    let device = DeviceMac::read(text);
    session.code.is_typed_as(text)
        || session.router.eq_ignore_ascii_case(text)
        || device.is_ok_and(|mac| DeviceMac::read(&session.station).as_ref() == Ok(&mac))
        || session
            .order_id
            .is_some_and(|id| id.order_ref().to_string().eq_ignore_ascii_case(text))
}

/// A session's device: `aabbcc000001`, and `aabbcc******` for a viewer.
pub fn mac(session: &OnlineSession, visibility: Visibility) -> Option<String> {
    let mac = DeviceMac::read(&session.station).ok()?;
    Some(visibility.device(mac.expose()))
}
