//! Notices to a guest: why a request was not carried out, and what to do.

use crate::domain::access::RouterRefusal;
use crate::domain::catalog::Refusal;
use crate::domain::people::Phone;
use crate::web::format::masked;
use crate::web::text::{Text, fill};

/// A title, what to do, and the invalid field of the form: `phone`, `package` or `code`.
pub struct Notice {
    pub title: &'static str,
    pub body: String,
    pub field: Option<&'static str>,
}

impl Notice {
    /// About no field.
    pub fn new(title: &'static str, body: impl Into<String>) -> Self {
        Self {
            title,
            body: body.into(),
            field: None,
        }
    }

    /// About one field.
    pub fn at(field: &'static str, text: &'static Text, body: &str) -> Self {
        Self {
            field: Some(field),
            ..Self::new(&text.notice.title, body)
        }
    }

    /// No payment request was sent to `phone` now. Another person may have entered this number, so the
    /// text asks the guest to decline a request that they did not order.
    pub fn refused(text: &'static Text, refusal: Refusal, phone: &Phone) -> Self {
        let notice = &text.notice;
        match refusal {
            Refusal::PromptOpen(retry_after_secs) => {
                let (wait, phone) = (text.wait(retry_after_secs), masked(phone));
                let body = fill(&notice.prompt, &[("wait", &wait), ("phone", &phone)]);
                Self::new(&notice.prompt_title, body)
            }
            Refusal::RateLimited(retry_after_secs) => {
                let wait = text.wait(retry_after_secs);
                Self::new(&notice.limit_title, fill(&notice.limit, &[("wait", &wait)]))
            }
        }
    }

    /// The router did not let the guest in.
    pub fn of_router(text: &'static Text, refusal: RouterRefusal) -> Self {
        let router = &text.router;
        let body = match refusal {
            RouterRefusal::TimeOver => &router.time_over,
            RouterRefusal::DataOver => &router.data_over,
            RouterRefusal::TooManyDevices => &router.too_many_devices,
            RouterRefusal::UnknownCode => &router.unknown_code,
            RouterRefusal::CannotCheck => &router.cannot_check,
            RouterRefusal::NeedsScript => &router.needs_script,
            RouterRefusal::TooLate => &router.too_late,
            RouterRefusal::RouterBusy => &router.busy,
            RouterRefusal::Other => &router.other,
        };
        Self::new(&router.title, body)
    }

    /// Too many requests come from the guest's network.
    pub fn later(text: &'static Text, retry_after_secs: u64) -> Self {
        let (notice, wait) = (&text.notice, text.wait(retry_after_secs));
        Self::new(&notice.limit_title, fill(&notice.later, &[("wait", &wait)]))
    }
}
