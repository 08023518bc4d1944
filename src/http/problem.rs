//! The only place that knows status codes: what went wrong, as RFC 9457 problem details
//! with a stable `code`.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError};
use serde_json::{Map, Value, json};
use tracing::error;

use crate::actors::{HandleError, Rejection};
use crate::checkout::CheckoutError;
use crate::domain::catalog::admission::Refusal;
use crate::domain::catalog::purchase::NotAnIdempotencyKey;
use crate::domain::people::phone::NotAPhone;
use crate::jobs::retention::RetentionError;
use crate::store::StoreError;

/// The stable words of the contract, section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood.
    InvalidRequest,
    /// The request is understood and a value in it is at fault.
    InvalidValue,
    /// A proven delivery that cannot be read.
    MalformedWebhook,
    /// A delivery that proves nothing.
    WebhookNotAuthentic,
    /// No operator, or a wrong token.
    Unauthorized,
    /// An operator who may not do this.
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
    /// The page is there, the method is not.
    MethodNotAllowed,
    /// The client believes another price.
    PriceChanged,
    /// The phone is ringing.
    PromptOpen,
    /// The order does not allow it now.
    InvalidTransition,
    /// More than we read.
    PayloadTooLarge,
    /// Not a Tanzanian mobile number.
    InvalidPhone,
    /// `wait` or `since` is at fault.
    InvalidQuery,
    /// The key was used for another purchase.
    IdempotencyKeyReused,
    /// A limit is reached.
    RateLimited,
    /// Our own failure.
    Internal,
    /// ZenoPay did not push.
    GatewayRefused,
    /// Too much at once.
    Busy,
    /// The database cannot be reached.
    Unavailable,
    /// The answer could not wait for the database.
    CommitUnknown,
    /// The server stops.
    Stopping,
}

impl Code {
    /// Code → status → title, on one screen.
    #[rustfmt::skip] // A table is read by its columns.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => ("invalid_request", S::BAD_REQUEST, "The request cannot be understood"),
            Self::InvalidValue => ("invalid_request", S::UNPROCESSABLE_ENTITY, "A value is at fault"),
            Self::MalformedWebhook => ("malformed_webhook", S::BAD_REQUEST, "The delivery cannot be read"),
            Self::WebhookNotAuthentic => ("webhook_not_authentic", S::UNAUTHORIZED, "The delivery is not authentic"),
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "An operator's token is needed"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "This operator may not do this"),
            Self::NotFound => ("not_found", S::NOT_FOUND, "There is no such page"),
            Self::OrderNotFound => ("order_not_found", S::NOT_FOUND, "There is no such order"),
            Self::AmbiguousRef => ("ambiguous_ref", S::CONFLICT, "Several orders have this ref"),
            Self::VoucherNotFound => ("voucher_not_found", S::NOT_FOUND, "There is no such voucher"),
            Self::PackageNotFound => ("package_not_found", S::NOT_FOUND, "There is no such package"),
            Self::MethodNotAllowed => ("method_not_allowed", S::METHOD_NOT_ALLOWED, "This page has no such method"),
            Self::PriceChanged => ("price_changed", S::CONFLICT, "The price has changed"),
            Self::PromptOpen => ("prompt_open", S::CONFLICT, "The phone already has an open prompt"),
            Self::InvalidTransition => ("invalid_transition", S::CONFLICT, "The order does not allow this now"),
            Self::PayloadTooLarge => ("payload_too_large", S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::InvalidPhone => ("invalid_phone", S::UNPROCESSABLE_ENTITY, "The phone number is not valid"),
            Self::InvalidQuery => ("invalid_query", S::UNPROCESSABLE_ENTITY, "The query is not valid"),
            Self::IdempotencyKeyReused => ("idempotency_key_reused", S::UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another purchase"),
            Self::RateLimited => ("rate_limited", S::TOO_MANY_REQUESTS, "Too many attempts"),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Our own failure"),
            Self::GatewayRefused => ("gateway_refused", S::BAD_GATEWAY, "ZenoPay refused the payment request"),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Too busy; send it again"),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE, "The database is not available; send it again"),
            Self::CommitUnknown => ("commit_unknown", S::SERVICE_UNAVAILABLE, "The outcome is not known yet; send it again"),
            Self::Stopping => ("stopping", S::SERVICE_UNAVAILABLE, "The server is stopping; send it again"),
        }
    }

    /// Seconds after which trying again may help, for codes that always say so.
    fn retry_after_secs(self) -> Option<u64> {
        match self {
            Self::Busy | Self::Stopping => Some(1),
            Self::Unavailable | Self::CommitUnknown => Some(5),
            _ => None,
        }
    }
}

/// What went wrong, for the reader outside. Causes go to the log, not in here.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    retry_after_secs: Option<u64>,
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

    /// Which one it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence about this very case, if there is one.
    pub fn told(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Adds a sentence about this very case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to come again.
    #[must_use]
    pub fn retry_after_secs(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// After how many seconds to come again, if that is known.
    pub fn retry_secs(&self) -> Option<u64> {
        self.retry_after_secs
    }

    /// Adds a member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.row().0)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.row().1
    }

    fn error_response(&self) -> HttpResponse {
        let (code, status, title) = self.code.row();
        let mut body = self.extra.clone();
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert("title".to_owned(), json!(title));
        body.insert("status".to_owned(), json!(status.as_u16()));
        body.insert("code".to_owned(), json!(code));
        if let Some(detail) = &self.detail {
            body.insert("detail".to_owned(), json!(detail));
        }
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.insert_header(("cache-control", "no-store"));
        if let Some(secs) = self.retry_after_secs {
            response.insert_header((RETRY_AFTER, secs.to_string()));
        }
        response.body(Value::Object(body).to_string())
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl From<StoreError> for Problem {
    fn from(cause: StoreError) -> Self {
        let code = match &cause {
            StoreError::Conflict | StoreError::CodeTaken => Code::Busy,
            StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::InUse(_) => {
                Code::Unavailable
            }
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
                error!(%cause, "a customer is erased from the database and still in the archive");
                Self::new(Code::Internal).detail(
                    "erased from the database, but retention.archive_dir cannot be written: ask again",
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
            Rejection::Malformed(why) => Self::new(Code::MalformedWebhook).detail(why.to_string()),
            Rejection::Busy => Self::new(Code::Busy),
            Rejection::Unavailable => Self::new(Code::Unavailable),
            Rejection::CommitUnknown => Self::new(Code::CommitUnknown),
            Rejection::Internal => Self::new(Code::Internal),
        }
    }
}

impl From<CheckoutError> for Problem {
    fn from(cause: CheckoutError) -> Self {
        match cause {
            CheckoutError::PackageNotFound => Self::new(Code::PackageNotFound),
            CheckoutError::PriceChanged { price } => {
                Self::new(Code::PriceChanged).with("price", price.0)
            }
            CheckoutError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            CheckoutError::Refused(Refusal::PromptOpen { retry_after_secs }) => {
                Self::new(Code::PromptOpen).retry_after_secs(retry_after_secs)
            }
            CheckoutError::Refused(Refusal::RateLimited { retry_after_secs }) => {
                Self::new(Code::RateLimited).retry_after_secs(retry_after_secs)
            }
            // ZenoPay's own words may name the guest; they are for admins alone.
            CheckoutError::GatewayRefused { order_id } => {
                Self::new(Code::GatewayRefused).with("order_id", order_id.to_string())
            }
            CheckoutError::Store(cause) => cause.into(),
        }
    }
}

impl From<NotAPhone> for Problem {
    fn from(fault: NotAPhone) -> Self {
        Self::new(Code::InvalidPhone).detail(fault.to_string())
    }
}

impl From<NotAnIdempotencyKey> for Problem {
    fn from(fault: NotAnIdempotencyKey) -> Self {
        Self::new(Code::InvalidValue).detail(fault.to_string())
    }
}
