//! Access to the operators' paths, and the request of an operator.
//!
//! # Invariants
//! All paths of the operators' API are wrapped in [`operators_only`] (the console has a gate of its
//! own), so that a handler checks nothing. A handler that needs the operator takes a [`Caller`].

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};

use super::Api;
use super::problem::{Code, Problem};
use super::request::{language, parameter};
use crate::domain::order::OrderId;
use crate::domain::people::{Language, Operator, Phone, Visibility};
use crate::store::AuditEntry;

mod gate;
mod password;

pub use gate::{Authenticated, DEVICE_COOKIE, Gate, has_session_cookie};
pub use password::Typed;

/// Headers that proxies add, beside all that begin with `x-forwarded`; any of them marks a request as
/// forwarded.
const FORWARDED: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
];
/// The header with the session's CSRF token, required for a write with the console's cookie.
const CSRF_HEADER: &str = "x-csrf-token";

/// Admits operators. A write needs an admin, and with the console's cookie a CSRF token.
pub async fn operators_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit(&request).await {
        Ok(visitor) => request.extensions_mut().insert(visitor),
        Err(refusal) => return Ok(request.into_response(refusal.error_response())),
    };
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Admits requests of this machine; any other needs an operator, and so does one that a proxy has
/// forwarded. A scraper on the same host needs no token; a neighbour in the same network, or a client on the
/// Internet behind the proxy, does.
pub async fn operators_only_unless_local(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !is_local(&request)
        && let Err(refusal) = identify(&request).await
    {
        return Ok(request.into_response(refusal.error_response()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether the request comes from this machine and no proxy has forwarded it.
fn is_local(request: &ServiceRequest) -> bool {
    let peer = request.peer_addr();
    let mut names = request.headers().keys().map(HeaderName::as_str);
    let is_proxys = |name: &str| name.starts_with("x-forwarded") || FORWARDED.contains(&name);
    peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) && !names.any(is_proxys)
}

async fn admit(request: &ServiceRequest) -> Result<Authenticated, Problem> {
    let visitor = identify(request).await?;
    if visitor.must_change {
        return Err(Code::Forbidden.detail("set a password in the console first"));
    }
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(visitor);
    }
    if !visitor.operator.role.may_write() {
        return Err(Code::Forbidden.detail("a viewer may only read"));
    }
    let csrf = request.headers().get(CSRF_HEADER);
    if !visitor.has_valid_csrf(csrf.and_then(|value| value.to_str().ok())) {
        return Err(Code::Forbidden.detail("a write with the console's cookie needs x-csrf-token"));
    }
    Ok(visitor)
}

/// The operator of a request.
///
/// # Errors
/// `unauthorized`, or the database's failure.
pub(super) async fn identify(request: &ServiceRequest) -> Result<Authenticated, Problem> {
    let api: &web::Data<Api> = request.app_data().ok_or(Code::Internal)?;
    let visitor = api.gate.authenticate(request.headers()).await?;
    visitor.ok_or(Code::Unauthorized.into())
}

/// An operator's request. It exists only behind the middleware `operators_only`, of this file or of
/// the console, which puts an [`Authenticated`] into the request.
pub struct Caller {
    pub api: web::Data<Api>,
    /// The operator, and the token of the session's forms.
    pub visitor: Authenticated,
    pub request: HttpRequest,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = || {
            Some(Self {
                api: request.app_data::<web::Data<Api>>()?.clone(),
                visitor: request.extensions().get::<Authenticated>()?.clone(),
                request: request.clone(),
            })
        };
        ready(caller().ok_or(Code::Internal.into()))
    }
}

impl Caller {
    pub fn operator(&self) -> &Operator {
        &self.visitor.operator
    }

    /// How much of one order this operator sees; lists are masked for all operators.
    pub fn visibility(&self) -> Visibility {
        Visibility::of(self.operator().role)
    }

    /// The language of `Accept-Language`.
    pub fn language(&self) -> Language {
        language(self.request.headers())
    }

    /// A query parameter, trimmed; empty if it is missing.
    pub fn parameter(&self, name: &str) -> String {
        parameter(&self.request, name)
    }

    /// An audit entry by this operator, without an order id (the caller may set one).
    pub fn audit_entry(
        &self,
        action: &'static str,
        subject: String,
        detail: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            operator: self.operator().name.clone(),
            action,
            order_id: None,
            subject,
            detail,
        }
    }

    /// Logs that this operator sees something unmasked, before it is shown. The same
    /// subject is logged once in ten minutes. Viewers see everything masked, so nothing is logged
    /// for them.
    ///
    /// # Errors
    /// If the audit log cannot be written; then nothing may be shown.
    pub async fn record_unmasking(
        &self,
        order_id: Option<OrderId>,
        subject: &str,
    ) -> Result<(), Problem> {
        if self.visibility() == Visibility::Whole {
            let (store, operator) = (&self.api.store, &self.operator().name);
            store.record_unmasking(operator, order_id, subject).await?;
        }
        Ok(())
    }

    /// Logs and counts a search by a viewer, before it is made: that something is found tells that the
    /// phone or the code exists. Admins see both, so nothing is counted for them. A search by a whole order
    /// id is none, because the id itself opens the order.
    ///
    /// # Errors
    /// 429 after thirty in a minute, or the database's failure; then nothing may be searched.
    pub async fn count_search(&self, text: &str) -> Result<(), Problem> {
        let is_search = !text.is_empty() && text.parse::<OrderId>().is_err();
        if !is_search || self.visibility() == Visibility::Whole {
            return Ok(());
        }
        // In one spelling, so that it is found when its customer is erased.
        let phone = Phone::read(text).ok();
        let text = phone.as_ref().map_or(text, Phone::international);
        let (store, operator) = (&self.api.store, &self.operator().name);
        match store.count_search(operator, text).await? {
            None => Ok(()),
            Some(secs) => {
                let why = format!("a viewer searches 30 times a minute: wait {secs} s");
                Err(Code::RateLimited.detail(why).retry_after_secs(secs))
            }
        }
    }
}
