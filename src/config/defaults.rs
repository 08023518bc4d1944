//! What holds where nothing is set; `config.toml` says the same, which a test checks.

use std::net::SocketAddr;

use url::Url;

use super::{
    ActorsConfig, Confirm, DatabaseConfig, LimitsConfig, Mode, OrdersConfig, PortalConfig,
    RadiusConfig, SandboxConfig, ServerConfig, ZenopayConfig,
};
use crate::domain::people::secret::Secret;

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            tls_cert: None,
            tls_key: None,
            timezone: chrono_tz::Africa::Dar_es_Salaam,
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite://malipo.db?mode=rwc"),
            auto_migrate: true,
            group: None,
        }
    }
}

impl Default for ZenopayConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Sandbox,
            base_url: Url::parse("https://zenoapi.com").expect("a constant URL"),
            api_key: None,
            previous_api_key: None,
            confirm: Confirm::Unproven,
            create_timeout_ms: 10_000,
            asks_per_sec: 5,
        }
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            approve_after_ms: 3_000,
            allow_remote: false,
        }
    }
}

impl Default for OrdersConfig {
    fn default() -> Self {
        Self {
            expire_after_secs: 300,
        }
    }
}

impl Default for PortalConfig {
    fn default() -> Self {
        Self {
            wait_max_secs: 55,
            waiters_max: None,
            resume_secs: 90,
            allowed_origins: Vec::new(),
            login_hosts: Vec::new(),
            on_site: false,
            brand: "malipo".into(),
            support_phone: None,
        }
    }
}

impl Default for ActorsConfig {
    fn default() -> Self {
        Self {
            mailbox_capacity: 64,
            in_flight_max: 4_096,
            idle_secs: 60,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            prompts_per_phone: 3,
            unpaid_per_phone_day: 8,
            prompts_per_sec: 50,
            purchases_per_client_min: 120,
        }
    }
}

impl Default for RadiusConfig {
    fn default() -> Self {
        Self {
            server: None,
            secret: None,
            coa_secret: None,
            proofs_per_min: 6,
        }
    }
}
