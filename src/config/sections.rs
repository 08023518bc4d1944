//! Every section and key, with its type and its default. `config.toml` has the same keys with the
//! same defaults and explains them, which a test checks.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::database_url::database_url;
use super::proxy_range::ProxyRange;
use super::shown::Shown;
use super::values::{self, Confirm, Group, LogFormat, Mode, SmsProvider};
use crate::domain::people::Secret;

/// Declares the sections, from a table of keys with type and default.
macro_rules! sections {
    ($($(#[$about:meta])* $section:ident: $Section:ident {
        $($(#[$key_about:meta])* $key:ident: $type:ty = $default:expr,)*
    })*) => {
        /// Everything that can be set.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $($(#[$about])* pub $section: $Section,)*
        }

        impl Config {
            /// All keys, as `section.key`.
            pub fn keys() -> Vec<String> {
                let keys = [$($(concat!(stringify!($section), ".", stringify!($key)),)*)*];
                keys.map(str::to_owned).to_vec()
            }

            /// The values, in the order of the keys.
            pub(super) fn values(&self) -> Vec<Option<String>> {
                vec![$($(Shown::shown(&self.$section.$key),)*)*]
            }
        }

        $($(#[$about])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $Section {
            $($(#[$key_about])* pub $key: $type,)*
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        })*
    };
}

sections! {
    /// Where the server listens, and its public address.
    server: ServerConfig {
        /// Address and port; port 0 picks one.
        bind: SocketAddr = ([127, 0, 0, 1], 8080).into(),
        /// Base of webhook URLs and of links in SMS; unset is `http://` and the bound address.
        public_url: Option<Url> = None,
        /// Proxies whose X-Forwarded-For counts.
        #[serde(deserialize_with = "values::list")]
        trusted_proxies: Vec<ProxyRange> = Vec::new(),
        /// The certificate chain, as PEM; with it the server speaks TLS itself.
        tls_cert: Option<PathBuf> = None,
        /// The certificate's private key, as PEM.
        tls_key: Option<PathBuf> = None,
        /// Days of reports and times in texts; storage is UTC.
        timezone: chrono_tz::Tz = chrono_tz::Africa::Dar_es_Salaam,
    }

    /// Where the database is.
    database: DatabaseConfig {
        /// `sqlite://…`, `postgres://…` or `postgresql://…`; may contain a password.
        #[serde(deserialize_with = "database_url")]
        url: Secret = Secret::new("sqlite://malipo.db?mode=rwc"),
        /// Migrate when the server starts.
        auto_migrate: bool = true,
        /// A group that may read and write SQLite's files too.
        group: Option<Group> = None,
    }

    /// How ZenoPay is reached, and what proves its webhooks.
    zenopay: ZenopayConfig {
        /// Simulated or real.
        #[serde(deserialize_with = "values::word")]
        mode: Mode = Mode::Sandbox,
        /// Live mode only.
        base_url: Url = Url::parse("https://zenoapi.com").expect("a constant URL"),
        /// Sent to ZenoPay and expected back.
        api_key: Option<Secret> = None,
        /// Still accepted during a rotation.
        previous_api_key: Option<Secret> = None,
        /// When order-status is asked before a webhook counts.
        #[serde(deserialize_with = "values::word")]
        confirm: Confirm = Confirm::Unproven,
        /// How long a push may take, in milliseconds.
        create_timeout_ms: u64 = 10_000,
        /// Status checks of the reconciler a second.
        asks_per_sec: u32 = 5,
    }

    /// The simulated ZenoPay.
    sandbox: SandboxConfig {
        /// How long the simulated subscriber takes, in milliseconds; 0 is by hand.
        approve_after_ms: u64 = 3_000,
        /// Allow an address or public URL that other machines can reach.
        allow_remote: bool = false,
    }

    /// The life of an order.
    orders: OrdersConfig {
        /// After this many seconds a PENDING order becomes EXPIRED.
        expire_after_secs: u32 = 300,
    }

    /// The captive portal.
    portal: PortalConfig {
        /// The longest wait of one poll, in seconds.
        wait_max_secs: u32 = 55,
        /// Parked polls at most; unset is the smaller of 20000 and three quarters of the limit
        /// of open files.
        waiters_max: Option<usize> = None,
        /// How long a prompt counts as open, in seconds.
        resume_secs: u32 = 90,
        /// CORS.
        #[serde(deserialize_with = "values::list")]
        allowed_origins: Vec<String> = Vec::new(),
        /// The router hosts to which a code may be sent.
        #[serde(deserialize_with = "values::list")]
        login_hosts: Vec<String> = Vec::new(),
        /// CoovaChilli's `uamsecret`.
        uam_secret: Option<Secret> = None,
        /// openNDS's `faskey`.
        fas_key: Option<Secret> = None,
        /// Whether we run inside the hotspot and may answer RFC 8908.
        on_site: bool = false,
        /// The shop's name.
        brand: String = "malipo".into(),
        /// A number to call for help.
        support_phone: Option<String> = None,
        /// The name of the Wi-Fi, as phones list it.
        wifi_name: Option<String> = None,
    }

    /// The order actors.
    actors: ActorsConfig {
        /// Messages waiting per order, beside the one being handled.
        mailbox_capacity: usize = 64,
        /// Messages in the whole process.
        in_flight_max: usize = 4_096,
        /// An actor that is idle for this many seconds leaves memory.
        idle_secs: u32 = 60,
    }

    /// What one phone, one client and the whole shop may do.
    limits: LimitsConfig {
        /// Prompts to one phone in ten minutes; the last is kept for another client.
        prompts_per_phone: u32 = 3,
        /// From this many unpaid orders of one phone in 24 hours on, its prompts pause.
        unpaid_per_phone_day: u32 = 8,
        /// Prompts of the whole shop in a second.
        prompts_per_sec: u32 = 50,
        /// Orders that one client address may make in a minute.
        purchases_per_client_min: u32 = 120,
        /// Refused requests of one client address in a minute.
        refusals_per_client_min: u32 = 600,
    }

    /// What is deleted, and when.
    retention: RetentionConfig {
        /// Bodies of webhooks leave the journal after this many days; 0 keeps them.
        bodies_days: u32 = 0,
        /// Where bodies that leave the journal are archived; unset is nowhere.
        archive_dir: Option<PathBuf> = None,
    }

    /// The operator's bootstrap token.
    operator: OperatorConfig {
        /// Bootstrap admin token.
        token: Option<Secret> = None,
    }

    /// How the voucher's SMS is sent.
    sms: SmsConfig {
        /// The service that delivers it.
        #[serde(deserialize_with = "values::word")]
        provider: SmsProvider = SmsProvider::Log,
        /// The name that the handset shows, at most 11 characters.
        sender_id: Option<String> = None,
        /// NextSMS and Africa's Talking: the account.
        username: Option<String> = None,
        /// NextSMS.
        password: Option<Secret> = None,
        /// Beem, Africa's Talking and ZenoPay SMS.
        api_key: Option<Secret> = None,
        /// Beem.
        secret_key: Option<Secret> = None,
        /// Where the provider is; unset is the provider's documented address.
        base_url: Option<Url> = None,
        /// How long the provider may take, in milliseconds.
        timeout_ms: u64 = 10_000,
        /// A message is given up after this many failed attempts.
        attempts_max: u32 = 10,
    }

    /// FreeRADIUS.
    radius: RadiusConfig {
        /// FreeRADIUS's address, where vouchers are tested.
        server: Option<SocketAddr> = None,
        /// Its shared secret.
        secret: Option<Secret> = None,
        /// The shared secret of Disconnect-Requests, for routers that have no row in `nas`.
        coa_secret: Option<Secret> = None,
        /// Sold vouchers that are tested a minute; 0 is none.
        proofs_per_min: u32 = 6,
    }

    /// What is logged and how.
    log: LogConfig {
        /// For people or for machines.
        #[serde(deserialize_with = "values::word")]
        format: LogFormat = LogFormat::Pretty,
        /// A `tracing` filter, as in `info` or `malipo=debug`.
        filter: String = "info,actix_server=warn,actix_http=off,sea_orm_migration=warn".into(),
    }

    /// Where traces go.
    telemetry: TelemetryConfig {
        /// A collector of OpenTelemetry traces, by OTLP over HTTP; unset is no traces.
        otlp_endpoint: Option<Url> = None,
        /// How many webhooks in a hundred are traced, unless the sender decides.
        sample_percent: u8 = 100,
    }
}

impl ZenopayConfig {
    /// The key. The sandbox has a default; live mode needs one in the configuration.
    pub fn key(&self) -> Secret {
        self.api_key
            .clone()
            .unwrap_or_else(|| Secret::new("sandbox-key"))
    }
}
