//! `malipo operator`: who may use the console and the operators' API, and by what.

use std::error::Error;
use std::io;

use chrono::{DateTime, Utc};
use clap::Subcommand;

use super::admin::{COMMAND_LINE, open};
use super::command::{Done, print};
use crate::config::Config;
use crate::domain::people::{Operator, Role, read_label, read_name, read_password};
use crate::store::{AuditEntry, Hashing, NewPassword, Store};

#[derive(Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator and print the bearer token, once
    Add {
        /// One word, as it is shown in the audit log
        #[arg(value_parser = read_name)]
        name: String,
        /// viewer (reads, masked) or admin (also acts)
        #[arg(long, value_name = "viewer|admin")]
        role: Role,
    },
    /// List all operators
    List,
    /// Set an operator's password, which is read from standard input
    Password {
        /// As it was added
        name: String,
    },
    /// List an operator's tokens, add one and print it, once, or revoke one
    Token {
        /// As it was added
        name: String,
        /// What the new token is for
        #[arg(long, value_name = "LABEL", value_parser = read_label)]
        add: Option<String>,
        /// Which token to revoke, with its sessions
        #[arg(long, value_name = "LABEL", conflicts_with = "add")]
        revoke: Option<String>,
    },
    /// End an operator's tokens, password and sessions at once
    Disable {
        /// As it was added
        name: String,
    },
}

pub(super) async fn run(config: &Config, command: OperatorCommand) -> Done {
    let store = open(config).await?;
    match command {
        OperatorCommand::Add { name, role } => {
            let taken = format!(
                "there is a {name} already; `malipo operator token {name} --add LABEL` makes another token"
            );
            let done = format!("{name} is {}; the token, shown once:", role.as_str());
            let audit = entry("add_operator", &name, Some(role.as_str().to_owned()));
            let added = store.add_operator(Operator { name, role }, Some(audit));
            let token = added.await?.ok_or(taken)?;
            // The token alone on standard output, so that it can be piped.
            eprintln!("{done}");
            print(format!("{}\n", token.expose()))?;
        }
        OperatorCommand::List => print(list(&store).await?)?,
        OperatorCommand::Password { name } => {
            let mut typed = String::new();
            eprintln!("the new password of {name}, on one line:");
            io::stdin().read_line(&mut typed)?;
            let password = read_password(&name, typed.trim_end_matches(['\n', '\r']))?;
            let new = NewPassword {
                hash: Hashing::default().hash(password).await?,
                operator: name.clone(),
                is_once: false,
                session: None,
            };
            if !store
                .set_password(new, entry("set_password", &name, None))
                .await?
            {
                return Err(no_such(&name).into());
            }
            print(format!(
                "the password of {name} is set, and all sessions are ended\n"
            ))?;
        }
        OperatorCommand::Token { name, add, revoke } => {
            print(token(&store, name, add, revoke).await?)?;
        }
        OperatorCommand::Disable { name } => {
            let audit = entry("disable_operator", &name, None);
            if !store.disable_operator(&name, Some(audit)).await? {
                return Err(no_such(&name).into());
            }
            print(format!("{name} is disabled\n"))?;
        }
    }
    Ok(())
}

fn no_such(name: &str) -> String {
    format!("there is no active operator {name}")
}

fn entry(action: &'static str, name: &str, detail: Option<String>) -> AuditEntry {
    AuditEntry {
        operator: COMMAND_LINE.to_owned(),
        action,
        order_id: None,
        subject: format!("operator {name}"),
        detail,
    }
}

async fn list(store: &Store) -> Result<String, Box<dyn Error>> {
    let [name, role, password, state] = ["name", "role", "password", "state"];
    let mut table = format!("{name:20} {role:8} {password:12} {state}\n");
    for known in store.operators().await? {
        let password = match (known.has_password, known.has_totp) {
            (_, true) => "with a code",
            (true, false) => "yes",
            (false, false) => "no",
        };
        let state = known.disabled_at.map_or("active", |_| "disabled");
        let (name, role) = (known.operator.name, known.operator.role.as_str());
        table += &format!("{name:20} {role:8} {password:12} {state}\n");
    }
    Ok(table)
}

/// What `malipo operator token` prints.
async fn token(
    store: &Store,
    name: String,
    add: Option<String>,
    revoke: Option<String>,
) -> Result<String, Box<dyn Error>> {
    if let Some(label) = add {
        let audit = entry("add_token", &name, Some(label.clone()));
        let added = store.add_token(&name, &label, audit).await?;
        let token = added.ok_or_else(|| {
            format!("{name} is no active operator, has a valid token {label}, or has twenty")
        })?;
        eprintln!("the token {label} of {name}, shown once:");
        return Ok(format!("{}\n", token.expose()));
    }
    if let Some(label) = revoke {
        let audit = entry("revoke_token", &name, Some(label.clone()));
        if !store
            .revoke_token(name.clone(), label.clone(), audit)
            .await?
        {
            return Err(format!("{name} has no valid token {label}").into());
        }
        return Ok(format!(
            "the token {label} of {name} is revoked, and its sessions are ended\n"
        ));
    }
    let [label, since, used] = ["token", "since", "last used"];
    let mut table = format!("{label:40} {since:20} {used}\n");
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    for token in store.tokens_of(&name).await? {
        let used = token.last_used_at.map_or("never".to_owned(), time);
        table += &format!("{:40} {:20} {used}\n", token.label, time(token.since));
    }
    Ok(table)
}
