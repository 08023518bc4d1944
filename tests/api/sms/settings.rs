//! A missing setting of a provider is reported in one sentence that names the key.

use crate::harness::process::run;

const NEXTSMS: [(&str, &str); 4] = [
    ("MALIPO__SMS__PROVIDER", "nextsms"),
    ("MALIPO__SMS__SENDER_ID", "DUKA"),
    ("MALIPO__SMS__USERNAME", "duka"),
    ("MALIPO__SMS__PASSWORD", "the-password"),
];

#[track_caller]
fn assert_refused(settings: &[(&str, &str)], key: &str) {
    let output = run(&["check"], settings);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(said.contains(&format!("`{key}`")), "{key}: {said}");
    assert!(!said.contains("the-password"), "{said}");
}

#[test]
fn a_provider_without_its_credentials_is_refused() {
    for (provider, lacking, key) in [
        ("nextsms", "SENDER_ID", "sms.sender_id"),
        ("nextsms", "USERNAME", "sms.username"),
        ("nextsms", "PASSWORD", "sms.password"),
        ("beem", "SENDER_ID", "sms.sender_id"),
        ("beem", "API_KEY", "sms.api_key"),
        ("beem", "SECRET_KEY", "sms.secret_key"),
        ("africastalking", "USERNAME", "sms.username"),
        ("africastalking", "API_KEY", "sms.api_key"),
        ("zenopay", "SENDER_ID", "sms.sender_id"),
        ("zenopay", "API_KEY", "sms.api_key"),
    ] {
        let names = ["SENDER_ID", "USERNAME", "PASSWORD", "API_KEY", "SECRET_KEY"];
        let names = names.map(|name| (name, format!("MALIPO__SMS__{name}")));
        let mut settings = vec![("MALIPO__SMS__PROVIDER", provider)];
        let given = names.iter().filter(|(name, _)| *name != lacking);
        settings.extend(given.map(|(_, name)| (name.as_str(), "DUKA")));

        assert_refused(&settings, key);
    }
}

#[test]
fn values_that_no_provider_takes_are_refused() {
    for (name, value, key) in [
        ("MALIPO__SMS__SENDER_ID", "TWELVE CHARS", "sms.sender_id"),
        ("MALIPO__SMS__SENDER_ID", "", "sms.sender_id"),
        ("MALIPO__SMS__SENDER_ID", "Dukä", "sms.sender_id"),
        ("MALIPO__SMS__BASE_URL", "ftp://sms.example", "sms.base_url"),
        ("MALIPO__SMS__TIMEOUT_MS", "0", "sms.timeout_ms"),
        ("MALIPO__SMS__TIMEOUT_MS", "90000", "sms.timeout_ms"),
        ("MALIPO__SMS__ATTEMPTS_MAX", "0", "sms.attempts_max"),
    ] {
        let others = NEXTSMS.iter().filter(|(other, _)| *other != name);
        let settings: Vec<_> = others.copied().chain([(name, value)]).collect();

        assert_refused(&settings, key);
    }
}
