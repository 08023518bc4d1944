//! What changes the access of an operator: the operator's own acts, and those of an admin for another.

use strum::EnumString;

use super::{Caller, Code, Form, Problem, invalid};
use crate::domain::people::{Secret, read_label, read_password};
use crate::store::{AuditEntry, FactorChange, NewPassword, fresh_token};

/// Letters and digits of a password that an admin makes.
const ONCE_LENGTH: usize = 20;

/// The result of an act.
pub enum Done {
    Nothing,
    /// A sentence of the page, by its name in `PageContext`.
    Sentence(&'static str),
    /// A new token, with its label.
    Token(String, Secret),
    /// A password for one log-in.
    Password(Secret),
    /// Recovery codes.
    Codes(Vec<Secret>),
}

/// What operators do with their own access.
#[derive(Clone, Copy, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Own {
    SetPassword,
    BeginFactor,
    ConfirmFactor,
    EndFactor,
    RenewCodes,
    AddToken,
    RevokeToken,
    EndSession,
    EndSessions,
}

impl Own {
    /// Performs an act.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn perform(self, form: &Form, caller: &Caller) -> Result<Done, Problem> {
        let me = caller.operator();
        if caller.visitor.must_change && !matches!(self, Self::SetPassword) {
            return Err(Code::Forbidden.detail("set a password of your own first"));
        }
        let code = || form.field("code").to_owned();
        match self {
            Self::SetPassword => set_password(form, caller).await,
            Self::BeginFactor => {
                prove(form, caller).await?;
                caller.api.store.begin_second_factor(&me.name).await?;
                Ok(Done::Nothing)
            }
            Self::ConfirmFactor => {
                let change = FactorChange::Confirm(code());
                change_factor("set_up_second_factor", change, caller).await
            }
            Self::RenewCodes => {
                let change = FactorChange::RenewCodes(code());
                change_factor("renew_recovery_codes", change, caller).await
            }
            Self::EndFactor => {
                let change = FactorChange::End(Some(code()));
                change_factor("end_second_factor", change, caller).await
            }
            Self::AddToken => {
                prove(form, caller).await?;
                add_token(&me.name, form, caller).await
            }
            Self::RevokeToken => revoke_token(&me.name, form, caller).await,
            Self::EndSession => end_session(&me.name, form, caller).await,
            Self::EndSessions => end_sessions(&me.name, caller).await,
        }
    }
}

/// What an admin does with the access of another operator.
#[derive(Clone, Copy, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Other {
    ResetPassword,
    ResetFactor,
    AddToken,
    RevokeToken,
    EndSession,
    EndSessions,
}

impl Other {
    /// Performs an act.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn perform(self, name: &str, form: &Form, caller: &Caller) -> Result<Done, Problem> {
        if matches!(
            self,
            Self::ResetPassword | Self::ResetFactor | Self::AddToken
        ) {
            prove(form, caller).await?;
        }
        match self {
            Self::ResetPassword => reset_password(name, caller).await,
            Self::ResetFactor => {
                let audit = entry("reset_second_factor", name, None, caller);
                let (store, end) = (&caller.api.store, FactorChange::End(None));
                match store
                    .change_second_factor(name.to_owned(), end, audit)
                    .await?
                {
                    Some(_) => Ok(Done::Sentence("factor")),
                    None => Err(invalid("this operator needs no code")),
                }
            }
            Self::AddToken => add_token(name, form, caller).await,
            Self::RevokeToken => revoke_token(name, form, caller).await,
            Self::EndSession => end_session(name, form, caller).await,
            Self::EndSessions => end_sessions(name, caller).await,
        }
    }
}

fn entry(action: &'static str, name: &str, detail: Option<String>, caller: &Caller) -> AuditEntry {
    caller.audit_entry(action, format!("operator {name}"), detail)
}

/// The operator's own password or a token. After a log-in with a password that an admin has made there is
/// neither; that log-in itself is the proof.
pub(super) async fn prove(form: &Form, caller: &Caller) -> Result<(), Problem> {
    if caller.visitor.must_change {
        return Ok(());
    }
    caller
        .api
        .gate
        .prove(caller.operator(), form.field("proof"))
        .await
}

async fn set_password(form: &Form, caller: &Caller) -> Result<Done, Problem> {
    let name = &caller.operator().name;
    let password = read_password(name, form.field("password"));
    let password = password.map_err(|why| invalid(why.to_string()))?;
    if form.field("password") != form.field("again") {
        return Err(invalid("the two passwords differ"));
    }
    prove(form, caller).await?;
    let new = NewPassword {
        operator: name.clone(),
        hash: caller.api.gate.hash(password).await?,
        is_once: false,
        session: caller.visitor.session,
    };
    let audit = entry("set_password", name, None, caller);
    match caller.api.store.set_password(new, audit).await? {
        true => Ok(Done::Sentence("password")),
        false => Err(invalid("the token of the configuration has no password")),
    }
}

async fn reset_password(name: &str, caller: &Caller) -> Result<Done, Problem> {
    let token = fresh_token();
    let password = Secret::new(&token.expose()[..ONCE_LENGTH]);
    let new = NewPassword {
        operator: name.to_owned(),
        hash: caller.api.gate.hash(password.clone()).await?,
        is_once: true,
        session: None,
    };
    let audit = entry("reset_password", name, None, caller);
    match caller.api.store.set_password(new, audit).await? {
        true => Ok(Done::Password(password)),
        false => Err(Code::NotFound.into()),
    }
}

/// The acts that a code of the authenticator proves.
async fn change_factor(
    action: &'static str,
    change: FactorChange,
    caller: &Caller,
) -> Result<Done, Problem> {
    let (store, me) = (&caller.api.store, caller.operator());
    let subject = caller.api.gate.begin_proof(me).await?;
    let audit = entry(action, &me.name, None, caller);
    let codes = store
        .change_second_factor(me.name.clone(), change, audit)
        .await?;
    let codes = codes.ok_or_else(|| {
        Code::Forbidden.detail("this code is wrong, or was used already: wait for the next one")
    })?;
    store.uncount_try(&subject).await?;
    Ok(match codes.is_empty() {
        true => Done::Sentence("factor"),
        false => Done::Codes(codes),
    })
}

async fn add_token(name: &str, form: &Form, caller: &Caller) -> Result<Done, Problem> {
    let label = read_label(form.field("label")).map_err(|why| invalid(why.to_string()))?;
    let audit = entry("add_token", name, Some(label.clone()), caller);
    let token = caller.api.store.add_token(name, &label, audit).await?;
    let token = token.ok_or_else(|| {
        invalid("there is a valid token of this name, or there are twenty: revoke one first")
    })?;
    Ok(Done::Token(label, token))
}

async fn revoke_token(name: &str, form: &Form, caller: &Caller) -> Result<Done, Problem> {
    let label = form.field("label").to_owned();
    let audit = entry("revoke_token", name, Some(label.clone()), caller);
    // If it was revoked in the meantime, there is nothing to do.
    let revoked = caller.api.store.revoke_token(name.to_owned(), label, audit);
    revoked
        .await
        .map(|_| Done::Sentence("token"))
        .map_err(Into::into)
}

async fn end_session(name: &str, form: &Form, caller: &Caller) -> Result<Done, Problem> {
    let id = form.field("session").parse();
    let id = id.map_err(|_| Problem::new(Code::NotFound))?;
    let audit = entry("end_session", name, None, caller);
    caller.api.store.end_session(name, id, audit).await?;
    Ok(Done::Sentence("session"))
}

async fn end_sessions(name: &str, caller: &Caller) -> Result<Done, Problem> {
    let audit = entry("end_sessions", name, None, caller);
    let but = caller
        .visitor
        .session
        .filter(|_| caller.operator().name == name);
    let ended = caller.api.store.end_sessions(name.to_owned(), but, audit);
    ended.await?;
    Ok(Done::Sentence("sessions"))
}
