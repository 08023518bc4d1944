//! The request of an operator, as every handler takes it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::Visitor;
use crate::domain::order::ids::OrderId;
use crate::domain::people::language::Language;
use crate::domain::people::mask::Visibility;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::{language, parameter};
use crate::store::AuditEntry;

/// The operator who sent a request, and what an answer is made of. It exists only behind a gate
/// that has put a [`Visitor`] into the request.
pub struct Caller {
    /// What handlers need.
    pub api: web::Data<Api>,
    /// The operator, and the token of the session's forms.
    pub visitor: Visitor,
    request: HttpRequest,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = || {
            Some(Self {
                api: request.app_data::<web::Data<Api>>()?.clone(),
                visitor: request.extensions().get::<Visitor>()?.clone(),
                request: request.clone(),
            })
        };
        ready(caller().ok_or_else(|| Problem::new(Code::Internal)))
    }
}

impl Caller {
    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.visitor.operator
    }

    /// What this operator sees of one order; lists are masked for everybody.
    pub fn sight(&self) -> Visibility {
        Visibility::of(self.operator().role)
    }

    /// By `Accept-Language`.
    pub fn language(&self) -> Language {
        language(self.request.headers())
    }

    /// A parameter of the address, trimmed; empty if it is not there.
    pub fn parameter(&self, name: &str) -> String {
        parameter(&self.request, name)
    }

    /// A line of the audit log: this operator did `action` to `subject`.
    pub fn entry(&self, action: &'static str, subject: String) -> AuditEntry {
        AuditEntry {
            operator: self.operator().name.clone(),
            action,
            order_id: None,
            subject,
            detail: None,
        }
    }

    /// Records that this operator looks behind the mask, before anything is shown. Viewers see
    /// everything masked, so nothing is recorded of them.
    ///
    /// # Errors
    /// If the audit log cannot be written; then nothing may be shown.
    pub async fn reveal(&self, order_id: Option<OrderId>, subject: &str) -> Result<(), Problem> {
        if self.sight() == Visibility::Whole {
            let operator = &self.operator().name;
            let recorded = self.api.store.record_reveal(operator, order_id, subject);
            recorded.await?;
        }
        Ok(())
    }
}
