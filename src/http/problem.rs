//! Errors as RFC 9457 problem details with a stable `code`. Only this file knows their status
//! codes.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use tracing::error;

use crate::actors::{HandleError, Rejection};
use crate::checkout::CheckoutError;
use crate::domain::catalog::Refusal;
use crate::domain::people::NotAPhone;
use crate::jobs::retention::RetentionError;
use crate::store::StoreError;

/// The stable codes of the contract, section 8; each is written in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// The request cannot be understood.
    InvalidRequest,
    /// The request can be parsed, but a value in it is not valid.
    #[strum(to_string = "invalid_request")]
    InvalidValue,
    /// An authentic webhook that cannot be parsed.
    MalformedWebhook,
    /// A webhook without a valid key or token.
    WebhookNotAuthentic,
    /// No token of an operator, or a wrong one.
    Unauthorized,
    /// The role of this operator does not allow this, or another site has sent it.
    Forbidden,
    /// No such page.
    NotFound,
    /// No such order.
    OrderNotFound,
    /// Several orders have this `ref`.
    AmbiguousRef,
    /// No such voucher.
    VoucherNotFound,
    /// No such package, or it is retired.
    PackageNotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The price differs from the one that the client expects.
    PriceChanged,
    /// A payment request is open on this phone.
    PromptOpen,
    /// The order's status does not allow this.
    InvalidTransition,
    /// The body is over the limit.
    PayloadTooLarge,
    /// Not a Tanzanian mobile number.
    InvalidPhone,
    /// A query parameter is not valid.
    InvalidQuery,
    /// The Idempotency-Key was used for another purchase.
    IdempotencyKeyReused,
    /// The client has reached a rate limit.
    RateLimited,
    /// Our own failure.
    Internal,
    /// ZenoPay refused the payment request.
    GatewayRefused,
    /// The server is too busy, or the order was changed at the same time.
    Busy,
    /// The database cannot be reached.
    Unavailable,
    /// The clock is wrong, so nothing is sold.
    #[strum(to_string = "unavailable")]
    WrongClock,
    /// It is not known whether the transaction was committed.
    CommitUnknown,
    /// The server is shutting down.
    Stopping,
}

impl Code {
    /// Status and title of each code.
    #[rustfmt::skip] // A table is read by its columns.
    fn status_and_title(self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => (S::BAD_REQUEST, "The request cannot be understood"),
            Self::InvalidValue => (S::UNPROCESSABLE_ENTITY, "A value is not valid"),
            Self::MalformedWebhook => (S::BAD_REQUEST, "The delivery cannot be read"),
            Self::WebhookNotAuthentic => (S::UNAUTHORIZED, "The delivery is not authentic"),
            Self::Unauthorized => (S::UNAUTHORIZED, "An operator's token is needed"),
            Self::Forbidden => (S::FORBIDDEN, "This is not allowed"),
            Self::NotFound => (S::NOT_FOUND, "There is no such page"),
            Self::OrderNotFound => (S::NOT_FOUND, "There is no such order"),
            Self::AmbiguousRef => (S::CONFLICT, "Several orders have this ref"),
            Self::VoucherNotFound => (S::NOT_FOUND, "There is no such voucher"),
            Self::PackageNotFound => (S::NOT_FOUND, "There is no such package"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "This page has no such method"),
            Self::PriceChanged => (S::CONFLICT, "The price has changed"),
            Self::PromptOpen => (S::CONFLICT, "The phone already has an open prompt"),
            Self::InvalidTransition => (S::CONFLICT, "The order does not allow this now"),
            Self::PayloadTooLarge => (S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::InvalidPhone => (S::UNPROCESSABLE_ENTITY, "The phone number is not valid"),
            Self::InvalidQuery => (S::UNPROCESSABLE_ENTITY, "The query is not valid"),
            Self::IdempotencyKeyReused => (S::UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another purchase"),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "Too many attempts"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "Our own failure"),
            Self::GatewayRefused => (S::BAD_GATEWAY, "ZenoPay refused the payment request"),
            Self::Busy => (S::SERVICE_UNAVAILABLE, "Too busy; send it again"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "The database is not available; send it again"),
            Self::WrongClock => (S::SERVICE_UNAVAILABLE, "The server's clock is wrong, so nothing is sold; send it again"),
            Self::CommitUnknown => (S::SERVICE_UNAVAILABLE, "The outcome is not known yet; send it again"),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "The server is stopping; send it again"),
        }
    }

    /// `Retry-After`, which every 503 has.
    fn retry_after_secs(self) -> Option<u64> {
        let (status, _) = self.status_and_title();
        let is_short = matches!(self, Self::Busy | Self::Stopping);
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(if is_short { 1 } else { 5 })
    }

    /// A problem with a sentence about this case.
    pub fn detail(self, detail: impl ToString) -> Problem {
        Problem::new(self).detail(detail.to_string())
    }
}

/// An error as the client sees it. The cause is only logged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}")]
pub struct Problem {
    pub code: Code,
    /// A sentence about this case.
    pub detail: Option<String>,
    pub retry_after_secs: Option<u64>,
    /// More members.
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem with its usual title and status.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            retry_after_secs: code.retry_after_secs(),
            extra: Map::new(),
        }
    }

    /// Adds a sentence about this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets when to retry.
    #[must_use]
    pub fn retry_after_secs(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status_and_title().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, title) = self.code.status_and_title();
        let mut body = self.extra.clone();
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert("title".to_owned(), json!(title));
        body.insert("status".to_owned(), json!(status.as_u16()));
        body.insert("code".to_owned(), json!(self.code.to_string()));
        if let Some(detail) = &self.detail {
            body.insert("detail".to_owned(), json!(detail));
        }
        let mut response = HttpResponse::build(status);
        response
            .content_type("application/problem+json")
            .insert_header((CACHE_CONTROL, "no-store"));
        if let Some(secs) = self.retry_after_secs {
            response.insert_header((RETRY_AFTER, secs.to_string()));
        }
        if self.code == Code::Unauthorized {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(Value::Object(body).to_string())
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<StoreError> for Problem {
    fn from(cause: StoreError) -> Self {
        let code = match &cause {
            StoreError::Conflict | StoreError::CodeTaken => Code::Busy,
            StoreError::WrongClock(_) => Code::WrongClock,
            StoreError::Unavailable(_)
            | StoreError::Locked(_)
            | StoreError::Full(_)
            | StoreError::ReadOnly(_)
            | StoreError::Unusable(_) => Code::Unavailable,
            StoreError::CommitUnknown(_) => Code::CommitUnknown,
            StoreError::Aborted(_) | StoreError::Corrupt(_) | StoreError::Panicked(_) => {
                Code::Internal
            }
        };
        error!(%cause, "a request failed");
        Self::new(code)
    }
}

impl From<RetentionError> for Problem {
    fn from(cause: RetentionError) -> Self {
        match cause {
            RetentionError::Store(cause) => cause.into(),
            RetentionError::Archive(cause) => {
                error!(%cause, "a customer is not erased from the archive");
                Code::Internal.detail(
                    "the archive still has this customer, because retention.archive_dir cannot be read or written: ask again",
                )
            }
        }
    }
}

impl From<HandleError> for Problem {
    fn from(cause: HandleError) -> Self {
        match cause {
            HandleError::UnknownOrder => Self::new(Code::OrderNotFound),
            HandleError::Store(cause) => cause.into(),
            HandleError::Busy => Self::new(Code::Busy),
            HandleError::Panicked => Self::new(Code::Internal),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotAuthentic => Self::new(Code::WebhookNotAuthentic),
            Rejection::UnknownOrder => Self::new(Code::OrderNotFound),
            Rejection::Malformed(why) => Code::MalformedWebhook.detail(why),
            Rejection::Busy => Self::new(Code::Busy),
            Rejection::Unavailable => Self::new(Code::Unavailable),
            Rejection::WrongClock => Self::new(Code::WrongClock),
            Rejection::CommitUnknown => Self::new(Code::CommitUnknown),
            Rejection::Internal => Self::new(Code::Internal),
        }
    }
}

impl From<CheckoutError> for Problem {
    fn from(cause: CheckoutError) -> Self {
        match cause {
            CheckoutError::PackageNotFound => Self::new(Code::PackageNotFound),
            CheckoutError::PriceChanged(price) => {
                Self::new(Code::PriceChanged).with("price", price.0)
            }
            CheckoutError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            CheckoutError::Refused(refusal) => refusal.into(),
            // ZenoPay's reason may name the guest, so only admins see it.
            CheckoutError::GatewayRefused(order_id) => {
                Self::new(Code::GatewayRefused).with("order_id", order_id.to_string())
            }
            CheckoutError::Busy => Self::new(Code::Busy),
            CheckoutError::Store(cause) => cause.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, secs) = match refusal {
            Refusal::PromptOpen(secs) => (Code::PromptOpen, secs),
            Refusal::RateLimited(secs) => (Code::RateLimited, secs),
        };
        Self::new(code).retry_after_secs(secs)
    }
}

impl From<NotAPhone> for Problem {
    fn from(fault: NotAPhone) -> Self {
        Code::InvalidPhone.detail(fault)
    }
}
