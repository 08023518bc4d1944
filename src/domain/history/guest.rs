//! The guest's side in the timeline: SMS, sessions, disconnects.

use super::{Narrator, optional};
use crate::domain::access::DeviceMac;
use crate::domain::people::Visibility;

impl Narrator<'_> {
    pub(super) fn texts(&mut self) {
        for text in &self.history.texts {
            let (kind, state) = (&text.kind, &text.state);
            let phone = self.mask.visibility.phone(&text.phone);
            let mut queued = format!("SMS {kind} to {phone} is queued");
            let trouble = text.last_error.as_ref().filter(|_| text.sent_at.is_none());
            if let Some(error) = self.masked(trouble) {
                queued += &format!("; {state} after {} attempts: {error}", text.attempts);
            }
            self.numbered(text.created_at, "sms", queued, Some(text.id));
            if let Some(at) = text.sent_at {
                let by = text.provider.as_deref().unwrap_or("the provider");
                let summary = format!("SMS {kind} is accepted by {by}, state {state}");
                self.numbered(at, "sms", summary, Some(text.id));
            }
            if let Some(receipt) = &text.receipt {
                let (word, said) = if receipt.is_delivered {
                    ("sms", "has arrived")
                } else {
                    ("alert", "has not arrived")
                };
                let detail = optional(": ", self.masked(receipt.detail.as_ref()), "");
                let summary = format!("SMS {kind} {said}{detail}");
                self.numbered(receipt.at, word, summary, Some(text.id));
            }
        }
    }

    pub(super) fn sessions(&mut self) {
        for session in &self.history.sessions {
            let (device, router) = (self.device(&session.device), &session.router);
            if let Some(at) = session.started_at {
                let summary = format!("device {device} is online through {router}");
                self.line(at, "session", summary);
            }
            if let Some(at) = session.stopped_at {
                let summary = format!(
                    "device {device} is offline after {} min, {} MB down, {} MB up ({})",
                    session.secs / 60,
                    megabytes(session.down_bytes),
                    megabytes(session.up_bytes),
                    session.cause
                );
                self.line(at, "session", summary);
            }
        }
    }

    /// A device's address: with all of it another device could take the session over.
    fn device(&self, station: &str) -> String {
        let visibility = self.mask.visibility;
        match (visibility, DeviceMac::read(station)) {
            (Visibility::Whole, _) => station.to_owned(),
            (Visibility::Masked, Ok(mac)) => visibility.device(mac.expose()),
            (Visibility::Masked, Err(_)) => "(hidden)".to_owned(),
        }
    }

    pub(super) fn disconnects(&mut self) {
        for disconnect in &self.history.disconnects {
            let (router, reason) = (&disconnect.router, &disconnect.reason);
            let asked =
                format!("a request to end the session is queued for router {router} ({reason})");
            self.line(disconnect.created_at, "disconnect", asked);
            if let Some(at) = disconnect.sent_at {
                let result = disconnect.result.as_deref().unwrap_or("no result recorded");
                let summary = format!("router {router} has ended the session: {result}");
                self.line(at, "disconnect", summary);
            } else if let Some(error) = self.masked(disconnect.last_error.as_ref()) {
                let (state, attempts) = (&disconnect.state, disconnect.attempts);
                let summary = format!(
                    "router {router} does not end the session: {state} after {attempts} attempts, {error}"
                );
                self.line(disconnect.created_at, "alert", summary);
            }
        }
    }
}

pub(super) fn megabytes(bytes: i64) -> String {
    format!("{:.1}", bytes as f64 / 1_000_000.0)
}
