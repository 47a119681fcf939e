//! A school with something to read in every resource, and the tokens to read it with.

use std::sync::{Arc, Mutex, Weak};

use serde_json::Value;

use crate::actors::{Plan, School, Upstream};

/// The policy of the office's school.
pub const POLICY: &str = r#"version = 1
# Two VLANs, and a list of each kind of state.

[[source]]
id = "county-gambling"
category = "gambling"
format = "domains"
path = "lists/gambling.txt"
licence = "CC0"

[[source]]
id = "adult-hosts"
category = "adult"
format = "hosts"
path = "lists/adult.txt"

[[source]]
id = "never-had"
category = "games"
format = "domains"
path = "lists/never-had.txt"

[[policy]]
id = "year6"
title = "Year 6"
extends = "ks2"
block_answer = "nodata"

[policy.categories]
games = "watch"

[[policy.rule]]
action = "allow"
name = "=museum.example"
reason = "Year 6 history"

[[network]]
id = "pupils"
title = "Classrooms"
subnets = ["127.20.0.0/16"]
policy = "year6"

[[network]]
id = "staff"
subnets = ["127.30.0.0/16", "::1"]
policy = "staff"
"#;

/// The school, and one token of every kind.
pub struct Office {
    pub school: School,
    pub read: String,
    pub metrics: String,
    pub operate: String,
    pub revoked: String,
    pub upstream: Upstream,
}

/// The office, opened by the first who comes.
pub fn office() -> Arc<Office> {
    static SHARED: Mutex<Weak<Office>> = Mutex::new(Weak::new());
    // A test that failed while it held the lock has left nothing half done.
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(office) = shared.upgrade() {
        return office;
    }
    let office = Arc::new(open());
    *shared = Arc::downgrade(&office);
    office
}

fn open() -> Office {
    let upstream = Upstream::start();
    upstream.has("museum.example A 198.51.100.7");
    let school = Plan::new()
        .policy(POLICY)
        .file("lists/gambling.txt", "bets.example\ncasino.example\n")
        .file("lists/adult.txt", "0.0.0.0 adult.example\nnot a host !\n")
        .forwards_to(&upstream)
        .open();
    let kinds = [("head", "read"), ("grafana", "metrics"), ("mover", "operate"), ("left", "read")];
    let [read, metrics, operate, revoked] = kinds.map(|(name, scope)| {
        let exit = school.run(&["token", "new", "--name", name, "--scope", scope]);
        assert_eq!(exit.code, Some(0), "{exit:?}");
        exit.out.trim().to_owned()
    });
    assert_eq!(school.run(&["token", "revoke", "left"]).code, Some(0));
    let office = Office { school, read, metrics, operate, revoked, upstream };
    office.school.until("the running server knows what became of the tokens", || {
        let status = |token: &str, path| Answer::to(&office.school, "GET", path, Some(token), &[]).status;
        status(&office.read, "/api/v1/cache") == 200
            && status(&office.metrics, "/metrics") == 200
            && status(&office.revoked, "/api/v1/cache") == 401
    });
    office
}

impl Office {
    /// Reads a resource with the token of scope `read`.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    /// The same with any method, and further header lines.
    pub fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        Answer::to(&self.school, method, path, Some(&self.read), headers)
    }

    /// Reads a resource with this token, or none.
    pub fn get_as(&self, token: Option<&str>, path: &str) -> Answer {
        Answer::to(&self.school, "GET", path, token, &[])
    }
}

/// What the admin API answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    headers: String,
}

impl Answer {
    /// To this request at a school.
    pub fn to(school: &School, method: &str, path: &str, token: Option<&str>, headers: &[&str]) -> Self {
        let token = token.map(|token| format!("Authorization: Bearer {token}"));
        let headers = headers.iter().copied().chain(token.as_deref());
        let headers: String = headers.map(|header| format!("{header}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n{headers}\r\n");
        let told = school.coordinator().send(&request);
        let told = told.unwrap_or_else(|| panic!("no answer to {method} {path}"));
        Self { status: told.status, body: told.body, headers: told.headers }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The value of a header; the actors read all of them in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Fails unless this is a whole problem with this status (RFC 9457) that says something.
    pub fn is_problem(&self, status: u16, of: &str) {
        assert_eq!(self.status, status, "{of}: {}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{of}");
        let body = self.json();
        assert_eq!(body["status"], status, "{of}: {body}");
        assert!(body["title"].is_string() && body["type"] == "about:blank", "{of}: {body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.len() > 15 && detail.ends_with('.'), "{of}: whole sentences, not {detail:?}");
    }
}
