//! Each key alone: enumerated from the structs, so that a new key is tried as well.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use tempfile::TempDir;

use super::Config;

/// Every key that has no default, and values that a live server accepts.
const LIVE: &[(&str, &str)] = &[
    ("server.public_url", "https://wifi.example"),
    ("server.tls_cert", "/cert.pem"),
    ("server.tls_key", "/key.pem"),
    ("server.trusted_proxies", "10.0.0.1,172.16.0.0/12"),
    ("database.group", "root"),
    ("zenopay.mode", "live"),
    ("zenopay.api_key", "zenopay-key"),
    ("zenopay.previous_api_key", "zenopay-key-before"),
    ("retention.bodies_days", "90"),
    ("retention.archive_dir", "/archive"),
    ("operator.token", "0123456789abcdef"),
    ("sms.provider", "beem"),
    ("sms.sender_id", "malipo"),
    ("sms.username", "name"),
    ("sms.password", "the-password"),
    ("sms.api_key", "the-key"),
    ("sms.secret_key", "the-secret"),
    ("sms.base_url", "https://sms.example"),
    ("radius.server", "127.0.0.1:1812"),
    ("radius.secret", "radius-secret"),
    ("radius.coa_secret", "coa-secret"),
    ("portal.uam_secret", "uam-secret"),
    ("portal.fas_key", "0123456789abcdef"),
    ("portal.support_phone", "0712345678"),
    ("portal.wifi_name", "Pwani Wi-Fi"),
    ("telemetry.otlp_endpoint", "http://127.0.0.1:4318"),
];

/// The kinds of white space that reach a value: an editor's, a file's, a web page's.
const AROUND: &[&str] = &[" ", "\n", "\r\n", "\t", "\u{a0}", "\u{feff}", "\u{200b}"];

fn variable(key: &str) -> OsString {
    format!("MALIPO__{}", key.to_uppercase().replace('.', "__")).into()
}

/// The configuration with these variables, or what is wrong with it.
fn load_with(file: &str, variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let variables = variables
        .iter()
        .map(|(key, value)| (variable(key), OsString::from(value)));
    match Config::read_with(Some(&path), variables) {
        // `Debug` hides the secrets.
        Ok(config) => format!("{config:#?}{:?}", exposed(&config)),
        Err(error) => error.to_string(),
    }
}

fn exposed(config: &Config) -> Vec<Option<String>> {
    let secrets = [
        Some(&config.database.url),
        config.zenopay.api_key.as_ref(),
        config.zenopay.previous_api_key.as_ref(),
        config.operator.token.as_ref(),
        config.sms.password.as_ref(),
        config.sms.api_key.as_ref(),
        config.sms.secret_key.as_ref(),
        config.radius.secret.as_ref(),
        config.radius.coa_secret.as_ref(),
    ];
    let exposed = secrets.map(|secret| secret.map(|secret| secret.expose().to_owned()));
    exposed.to_vec()
}

#[test]
fn a_key_that_is_set_to_nothing_is_as_if_it_were_left_out() {
    for key in Config::keys() {
        let left_out: Vec<_> = LIVE.iter().copied().filter(|(k, _)| *k != key).collect();
        let expected = load_with("", &left_out);
        for nothing in ["", " ", "\n"] {
            let mut set = left_out.clone();
            set.push((&key, nothing));
            assert_eq!(load_with("", &set), expected, "{key} in the environment");

            let (section, name) = key.split_once('.').unwrap();
            let file = format!("[{section}]\n{name} = {nothing:?}\n");
            assert_eq!(load_with(&file, &left_out), expected, "{key} in the file");
        }
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_leaves_the_files_value() {
    let file = "[portal]\nbrand = \"Mama Asha\"\n";

    let read = load_with(file, &[("portal.brand", "")]);

    assert_eq!(read, load_with(file, &[]));
    assert!(read.contains("Mama Asha"), "{read}");
}

#[test]
fn only_a_key_that_is_required_ends_the_start_when_it_is_set_to_nothing() {
    for (key, _) in LIVE {
        let needed = [
            "server.public_url",
            "server.tls_cert",
            "server.tls_key",
            "zenopay.api_key",
            "retention.bodies_days",
            "sms.sender_id",
            "sms.api_key",
            "sms.secret_key",
            "radius.server",
            "radius.secret",
        ];
        let set: Vec<_> = LIVE
            .iter()
            .map(|(k, value)| (*k, if k == key { "" } else { value }))
            .collect();

        let read = load_with("", &set);

        let complaint = format!("configuration key `{key}`: is required");
        assert_eq!(read.starts_with(&complaint), needed.contains(key), "{read}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_an_error_also_when_it_is_set_to_nothing() {
    for key in ["typo.key", "portal.typo"] {
        let read = load_with("", &[(key, "")]);
        assert!(read.starts_with("configuration key `"), "{read}");
        assert!(read.contains("typo"), "{read}");
    }
}

#[test]
fn white_space_around_a_value_is_not_part_of_it() {
    let expected = load_with("", LIVE);
    assert!(expected.contains("zenopay-key"), "{expected}");
    for (key, value) in LIVE {
        for blank in AROUND {
            let around = format!("{blank}{value}{blank}");
            let mut set = LIVE.to_vec();
            set.push((key, &around));
            assert_eq!(load_with("", &set), expected, "{key} with {blank:?}");
        }
    }
}

#[test]
fn a_key_without_a_default_has_a_value_in_these_tests() {
    let default = format!("{:#?}", Config::default());
    let mut section = "";
    for line in default.lines() {
        let Some((name, value)) = line.trim_start().split_once(": ") else {
            continue;
        };
        let depth = line.len() - line.trim_start().len();
        if depth == 4 {
            section = name;
        }
        // Deeper lines are the fields of a value.
        if depth != 8 {
            continue;
        }
        let key = format!("{section}.{name}");
        let is_harmless = [
            "portal.allowed_origins",
            "portal.login_hosts",
            "portal.waiters_max",
        ]
        .contains(&key.as_str());
        let has_default = !matches!(value, "None," | "[],") || is_harmless;
        assert!(has_default || LIVE.iter().any(|(k, _)| *k == key), "{key}");
    }
}

#[test]
fn a_control_character_inside_a_secret_is_refused_without_showing_it() {
    let mut secrets = Vec::new();
    for key in Config::keys() {
        for inside in ["hush\nhush", "hush\0hush", "hush\u{7f}hush", "hush\thush"] {
            let read = load_with("", &[(key.as_str(), inside)]);
            if read.contains("control character") {
                assert!(read.contains(&format!("`{key}`")), "{read}");
                assert!(!read.contains("hush"), "{read}");
                secrets.push(key.clone());
            }
        }
    }
    secrets.dedup();
    let expected = [
        "database.url",
        "zenopay.api_key",
        "zenopay.previous_api_key",
        "portal.uam_secret",
        "portal.fas_key",
        "operator.token",
        "sms.password",
        "sms.api_key",
        "sms.secret_key",
        "radius.secret",
        "radius.coa_secret",
    ];
    assert_eq!(secrets, expected);
}

#[test]
fn the_key_of_opennds_is_as_openndss_and_needs_a_freeradius() {
    let asked = [
        ("radius.server", "127.0.0.1:1812"),
        ("radius.secret", "radius-secret"),
    ];
    let with = |key| load_with("", &[asked[0], asked[1], ("portal.fas_key", key)]);
    for key in ["short", "0123456789abcdef0", "0123456789-abcd"] {
        let read = with(key);
        assert!(read.contains("`portal.fas_key`"), "{read}");
        assert!(!read.contains(key), "{read}");
    }
    assert!(!with("0123456789abcdef").contains("configuration key"));
    let alone = load_with("", &[("portal.fas_key", "0123456789abcdef")]);
    assert!(alone.contains("`radius.server`"), "{alone}");
}

#[test]
fn a_secret_that_is_not_utf_8_is_refused_without_showing_it() {
    let value = OsString::from_vec(b"hush\xffhush".to_vec());

    let error = Config::read_with(None, [(variable("zenopay.api_key"), value)]).unwrap_err();

    let expected = "configuration key `zenopay.api_key`: is not UTF-8";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_weak_operator_token_is_refused_in_live_mode() {
    let long_enough = "must have at least 16 characters";
    let varied = "must have at least 6 different characters";
    let live = |token| {
        let mut set = LIVE.to_vec();
        set.push(("operator.token", token));
        load_with("", &set)
    };
    for (token, complaint) in [
        ("0123456789abcde", long_enough),
        ("0123456789abcde \n", long_enough),
        ("\u{e9}\u{e8}\u{ea}\u{eb}12345678", long_enough),
        ("aaaaaaaaaaaaaaaa", varied),
        ("abcdeabcdeabcdeabcdeabcdeabcde", varied),
    ] {
        let read = live(token);
        assert!(read.contains("`operator.token`"), "{read}");
        assert!(read.contains(complaint), "{read}");
        assert!(!read.contains(token.trim()), "{read}");
    }
    for token in ["abcdefabcdefabcd", "0000000123456789"] {
        assert!(live(token).contains(token), "{token}");
    }
    let provided = load_with(
        "",
        &[
            ("zenopay.mode", "live"),
            ("zenopay.api_key", "aaa"),
            ("server.public_url", "https://wifi.example"),
        ],
    );
    assert!(provided.contains("aaa"), "{provided}");
}

#[test]
fn a_public_url_is_an_origin() {
    let read = |url| {
        load_with(
            "",
            &[
                ("zenopay.mode", "live"),
                ("zenopay.api_key", "k"),
                ("server.public_url", url),
            ],
        )
    };
    for url in [
        "https://wifi.example",
        "https://wifi.example/",
        "https://WIFI.example:8443",
        "https://[2001:db8::1]",
    ] {
        assert!(!read(url).starts_with("configuration key"), "{}", read(url));
    }
    for url in [
        "https://wifi.example/shop",
        "https://wifi.example/shop/",
        "https://wifi.example//",
        "https://wifi.example/?site=1",
        "https://wifi.example?",
        "https://wifi.example/#top",
        "https://name:hush@wifi.example",
        "ftp://wifi.example",
    ] {
        let refused = "configuration key `server.public_url`: must be an origin, as in https://wifi.example: http:// or https://, host and port, without a path, query or fragment";
        assert_eq!(read(url), refused, "{url}");
    }
}

#[test]
fn in_live_mode_no_address_that_gets_a_secret_or_a_code_is_plain_http() {
    let plain = |key: &str, url: &str, mode: &str| {
        let mut set = LIVE.to_vec();
        set.retain(|(known, _)| {
            *known != key && !(mode == "sandbox" && known.starts_with("server."))
        });
        set.extend([("zenopay.mode", mode), (key, url)]);
        load_with("", &set)
    };
    for key in ["server.public_url", "zenopay.base_url", "sms.base_url"] {
        let refused = format!("configuration key `{key}`: must begin with https:// in live mode");
        for url in [
            "http://wifi.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
        ] {
            let read = plain(key, url, "live");
            assert!(read.starts_with(&refused), "{key} {url}: {read}");
        }
        let read = plain(key, "https://wifi.example", "live");
        assert!(!read.starts_with("configuration key"), "{key}: {read}");
    }
    // A relay or a test on this machine; guests cannot reach such a public address.
    for key in ["zenopay.base_url", "sms.base_url"] {
        for url in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"] {
            let read = plain(key, url, "live");
            assert!(
                !read.starts_with("configuration key"),
                "{key} {url}: {read}"
            );
        }
        let read = plain(key, "http://wifi.example", "sandbox");
        assert!(!read.starts_with("configuration key"), "{key}: {read}");
    }
}

#[test]
fn a_list_in_the_environment_is_separated_by_commas() {
    let read = |text| load_with("", &[("portal.login_hosts", text)]);
    let expected = load_with(
        "[portal]\nlogin_hosts = [\"wifi.example\", \"10.5.50.1\"]\n",
        &[],
    );
    for text in [
        "wifi.example,10.5.50.1",
        " wifi.example , 10.5.50.1 ,\n",
        "wifi.example,,10.5.50.1",
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
    assert_eq!(read(" , "), load_with("", &[]));
}

#[test]
fn a_value_that_is_not_one_of_a_keys_words_is_refused_with_the_words_that_are() {
    for (key, words) in [
        ("zenopay.mode", "`sandbox` or `live`"),
        ("zenopay.confirm", "one of `never`, `unproven`, `always`"),
        (
            "sms.provider",
            "one of `log`, `nextsms`, `beem`, `africastalking`, `zenopay`",
        ),
        ("log.format", "`pretty` or `json`"),
    ] {
        let read = load_with("", &[(key, "hush")]);
        assert_eq!(read, format!("configuration key `{key}`: must be {words}"));
    }
}

#[test]
fn a_variable_that_lacks_an_underscore_is_refused_and_those_of_others_are_left_alone() {
    let read = |name: &str| {
        let variables = [(OsString::from(name), OsString::from("hush"))];
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "").unwrap();
        Config::read_with(Some(&path), variables).map_err(|error| error.to_string())
    };
    for name in [
        "MALIPO_ZENOPAY_API_KEY",
        "MALIPO_ZENOPAY__API_KEY",
        "MALIPO__ZENOPAY_API_KEY",
        "MALIPO__ZENOPAY__API__KEY",
        "malipo_zenopay_api_key",
    ] {
        let error = read(name).unwrap_err();
        let expected = format!(
            "configuration key `zenopay.api_key`: is set by MALIPO__ZENOPAY__API_KEY, with two underscores each; {name} sets nothing"
        );
        assert_eq!(error, expected);
    }
    for name in [
        "MALIPO_SERVICE_HOST",
        "MALIPO_PORT",
        "MALIPO_PORT_8080_TCP_ADDR",
        "MALIPO_TEST_POSTGRES",
        "MALIPO",
        "OTHER_ZENOPAY_API_KEY",
    ] {
        assert!(read(name).is_ok(), "{name}");
    }
}
