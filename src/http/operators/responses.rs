//! What several operators' paths answer beside their document. That a token is missing or may
//! not write is added to all of them in `http/openapi`.
#![expect(dead_code, reason = "only described")]

use utoipa::IntoResponses;

/// A read.
#[derive(IntoResponses)]
pub enum Read {
    /// `unavailable`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// A body of JSON.
#[derive(IntoResponses)]
pub enum Body {
    /// `invalid_request`
    #[response(status = 400)]
    Invalid,
    /// `payload_too_large`
    #[response(status = 413)]
    TooLarge,
}

/// A write that no actor is asked for.
#[derive(IntoResponses)]
pub enum Write {
    /// `internal`
    #[response(status = 500)]
    Internal,
    /// `unavailable`, `commit_unknown`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// What an order's actor does.
#[derive(IntoResponses)]
pub enum Act {
    /// `internal`
    #[response(status = 500)]
    Internal,
    /// `busy`, `unavailable`, `commit_unknown`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// An order that is named in the path.
#[derive(IntoResponses)]
pub enum Order {
    /// `order_not_found`
    #[response(status = 404)]
    NotFound,
}
