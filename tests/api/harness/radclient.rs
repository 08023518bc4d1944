//! FreeRADIUS's own client, and the answer that it prints.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::freeradius::blocking;

/// The answer of a server.
#[derive(Clone, Debug)]
pub struct Reply {
    /// As in `Access-Accept`; empty if there was no answer.
    pub code: String,
    /// Name and value of each attribute, without quotes.
    pub attributes: Vec<(String, String)>,
}

impl Reply {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(|value| value.parse().unwrap())
    }

    #[track_caller]
    pub fn assert_accepted(&self) {
        assert_eq!(self.code, "Access-Accept", "{:?}", self.attributes);
    }

    #[track_caller]
    pub fn assert_rejected(&self) {
        assert_eq!(self.code, "Access-Reject", "{:?}", self.attributes);
    }
}

/// Runs FreeRADIUS's own client; the code is empty if nothing answers.
pub async fn radclient(
    server: &str,
    kind: &str,
    secret: &str,
    attributes: &[(&str, &str)],
) -> Reply {
    let mut input = String::new();
    for (name, value) in attributes {
        writeln!(input, "{name} = \"{value}\"").unwrap();
    }
    let arguments = ["-x", "-r", "4", "-t", "2", server, kind, secret].map(str::to_owned);
    blocking(move || run_radclient(&arguments, &input)).await
}

fn run_radclient(arguments: &[String], input: &str) -> Reply {
    let mut child = Command::new("radclient")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("radclient is not installed: run `./scripts/test`");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let received = text
        .lines()
        .skip_while(|line| !line.starts_with("Received"));
    let mut reply = Reply {
        code: String::new(),
        attributes: Vec::new(),
    };
    for line in received {
        if let Some(head) = line.strip_prefix("Received ") {
            reply.code = head.split(' ').next().unwrap_or_default().to_owned();
        } else if let Some((name, value)) = line.trim().split_once(" = ") {
            let value = value.trim_matches('"').to_owned();
            reply.attributes.push((name.to_owned(), value));
        }
    }
    reply
}
