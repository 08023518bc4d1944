//! A browser that comes from a router's log-in page, with cookies.

use reqwest::redirect::Policy;

use super::BROWSER;
use crate::harness::{Answer, TestApp};

pub const MAC: &str = "AA:BB:CC:00:11:22";

/// The address to which the router's page sends a phone.
pub fn from_router(mac: &str, error: &str) -> String {
    url::form_urlencoded::Serializer::new("/?".to_owned())
        .append_pair("mac", mac)
        .append_pair("link-login-only", "http://wifi.test/login")
        .append_pair("link-orig", "http://news.test/")
        .append_pair("chap-id", "")
        .append_pair("error", error)
        .finish()
}

/// A browser with cookies, which follows no redirect.
#[derive(Default)]
pub struct Browser(pub Vec<String>);

impl Browser {
    pub async fn get(&mut self, app: &TestApp, path: &str) -> Answer {
        self.ask(client().get(app.url(path))).await
    }

    pub async fn post(&mut self, app: &TestApp, path: &str, code: &str) -> Answer {
        let request = client().post(app.url(path));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(format!("code={code}"))).await
    }

    async fn ask(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let request = request
            .header("accept", BROWSER)
            .header("accept-language", "en")
            .header("cookie", self.0.join("; "));
        let answer = Answer::of(request.send().await.unwrap()).await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned() + "=";
            self.0.retain(|kept| !kept.starts_with(&name));
            self.0.push(pair);
        }
        answer
    }

    pub fn forget(&mut self, name: &str) {
        self.0.retain(|kept| !kept.starts_with(name));
    }
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(Policy::none());
    client.no_proxy().build().unwrap()
}

pub fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap()
}

pub fn is_shop(answer: &Answer) -> bool {
    answer.status == 200 && answer.text.contains("name=\"package\"")
}
