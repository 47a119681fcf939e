//! The admin API over real HTTP on loopback, beside a running data plane.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use admin_api::store::{Scope, Store};
use admin_api::{AdminServer, Facts, LiveDocument, StartError};
use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use policy::{Document, School, Snapshot, World};
use resolver::transport::{Transports, bind, serve};
use resolver::upstream::Upstreams;
use resolver::{Engine, LocalZones, Settings};
use serde_json::Value;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(10);
const READ_PATHS: [&str; 3] = ["/api/v1/explain?name=bets.example", "/api/v1/lists", "/api/v1/networks"];

const POLICY: &str = r#"
version = 1
[[source]]
id = "county"
category = "gambling"
format = "domains"
path = "county"
[[network]]
id = "pupils"
subnets = ["127.0.0.0/8"]
policy = "ks2"
"#;

/// A box on loopback: data plane, lists, store, admin API.
struct Box {
    data: tempfile::TempDir,
    runtime: Runtime,
    engine: Arc<Engine>,
    facts: Arc<Facts>,
    dns: SocketAddr,
    admin: AdminServer,
    _transports: Transports,
}

/// One answer of the API.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A whole RFC 9457 problem with this status.
    fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let body = self.json();
        assert_eq!(body["status"], status);
        assert!(body["detail"].as_str().unwrap().ends_with('.'), "{body}");
    }
}

impl Box {
    fn start(metrics_open: bool) -> Self {
        let data = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let engine = Engine::new(
            Settings { cache_bytes: 1 << 20, ..Settings::default() },
            Upstreams::plain(vec![Vec::new()], &[]),
            LocalZones::default(),
            Arc::new(Snapshot::not_ready()),
        );
        let bound = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 1).unwrap();
        let dns = bound.addresses()[0];
        let transports = serve(bound, Arc::clone(&engine), runtime.handle()).unwrap();
        let path = data.path().to_owned();
        let facts = Facts::new(Arc::clone(&engine), transports.load(), path, metrics_open);
        let any = [(Ipv4Addr::LOCALHOST, 0).into()];
        let admin = AdminServer::start(&any, Arc::clone(&facts)).unwrap();
        Self { data, runtime, engine, facts, dns, admin, _transports: transports }
    }

    fn ready(metrics_open: bool) -> Self {
        let started = Self::start(metrics_open);
        started.engine.publish(&snapshot(&started.data.path().join("lists")));
        started
    }

    fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.admin.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let credentials = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n{credentials}\r\n"))
    }

    fn token(&self, name: &str, scope: Scope) -> String {
        self.runtime.block_on(async {
            let store = Store::open(self.data.path()).await.unwrap();
            let token = store.tokens().create(name, scope, None, "box:jane").await.unwrap();
            store.close().await;
            token
        })
    }
}

/// The policy over a list of two names, with its copy kept where `explain` looks for it.
fn snapshot(lists: &Path) -> Arc<Snapshot> {
    let copies: PathBuf = lists.join("copies");
    std::fs::create_dir_all(&copies).unwrap();
    std::fs::write(copies.join("county.txt"), "# county list\nbets.example\ncasino.example\n").unwrap();
    let document = Document::parse(POLICY).unwrap();
    let (school, _) = School::new(&document, Path::new("."), &mut |_| Err(String::new())).unwrap();
    let input = Input {
        source: school.sources()[0].clone(),
        copy: copies.join("county.txt"),
        copy_name: "county.txt".to_owned(),
    };
    let index = Index::from_bytes(&compile(&[input]).unwrap().bytes).unwrap();
    Arc::new(Snapshot::build(&school, &World::default(), Arc::new(index)))
}

#[test]
fn tokens_open_what_their_scope_says() {
    let running = Box::ready(false);
    let metrics = running.token("grafana", Scope::Metrics);
    let read = running.token("head", Scope::Read);
    for path in READ_PATHS {
        let none = running.get(path, None);
        none.is_problem(401);
        assert!(none.head.contains("www-authenticate: bearer"), "{}", none.head);
        running.get(path, Some("sg_wrong")).is_problem(401);
        running.get(path, Some(&metrics)).is_problem(403);
        assert_eq!(running.get(path, Some(&read)).status, 200);
    }
    running.get("/metrics", None).is_problem(401);
    assert_eq!(running.get("/metrics", Some(&metrics)).status, 200);
    assert_eq!(running.get("/metrics", Some(&read)).status, 200);
    assert_eq!(running.get("/healthz", None).status, 200);
    assert_eq!(running.get("/readyz", None).status, 200);

    let open = Box::ready(true);
    assert_eq!(open.get("/metrics", None).status, 200);
    open.get("/api/v1/lists", None).is_problem(401);
}

#[test]
fn a_revoked_token_opens_nothing_from_the_next_request_on() {
    let running = Box::ready(false);
    let token = running.token("head", Scope::Read);
    assert_eq!(running.get("/api/v1/lists", Some(&token)).status, 200);
    running.runtime.block_on(async {
        let store = Store::open(running.data.path()).await.unwrap();
        store.tokens().revoke("head", "box:jane").await.unwrap();
    });
    running.get("/api/v1/lists", Some(&token)).is_problem(401);
}

#[test]
fn a_damaged_or_missing_store_stops_tokens_and_nothing_else() {
    let running = Box::ready(false);
    let token = running.token("head", Scope::Read);
    assert_eq!(running.get("/api/v1/lists", Some(&token)).status, 200);
    std::fs::write(Store::file(running.data.path()), vec![0x5a; 9000]).unwrap();
    running.get("/api/v1/lists", Some(&token)).is_problem(503);
    assert_eq!(running.get("/healthz", None).status, 200);
    let ready = running.get("/readyz", None);
    assert_eq!(ready.status, 200);
    let checks = ready.json()["checks"].clone();
    let store = checks.as_array().unwrap().iter().find(|check| check["name"] == "store").unwrap();
    assert_eq!(store["state"], "warning");
    assert_eq!(dns_rcode(running.dns), 3, "DNS goes on");

    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(running.data.path().join(file));
    }
    running.get("/api/v1/lists", Some(&token)).is_problem(503);
    let token = running.token("head", Scope::Read);
    assert_eq!(running.get("/api/v1/lists", Some(&token)).status, 200);
}

/// The response code for a listed name, asked over UDP.
fn dns_rcode(server: SocketAddr) -> u8 {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04bets\x07example\x00\x00\x01\x00\x01";
    client.send_to(query, server).unwrap();
    let mut reply = [0; 512];
    client.recv(&mut reply).unwrap();
    reply[3] & 0xf
}

#[test]
fn the_box_is_ready_when_it_filters() {
    let running = Box::start(false);
    let before = running.get("/readyz", None);
    assert_eq!((before.status, &before.json()["ready"]), (503, &Value::Bool(false)));
    running.engine.publish(&snapshot(&running.data.path().join("lists")));
    running.facts.set_reload_failed(true);
    let after = running.get("/readyz", None);
    assert_eq!((after.status, &after.json()["ready"]), (200, &Value::Bool(true)));
    let names: Vec<String> = after.json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{} {}", check["name"].as_str().unwrap(), check["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        ["listeners ok", "index ok", "upstream warning", "lists ok", "reload warning", "store ok"]
    );
}

#[test]
fn explain_names_list_and_line() {
    let running = Box::ready(false);
    let token = running.token("head", Scope::Read);
    let path = "/api/v1/explain?name=WWW.casino.example&client=127.20.0.9&type=https&at=2026-09-02T12:30:00Z";
    let told = running.get(path, Some(&token)).json();
    assert_eq!(told["name"], "www.casino.example");
    assert_eq!((&told["type"], &told["client"]), (&"HTTPS".into(), &"127.20.0.9".into()));
    assert_eq!((&told["network"], &told["policy"]), (&"pupils".into(), &"ks2".into()));
    assert_eq!(told["at"], "2026-09-02T12:30:00Z");
    assert_eq!(told["verdict"], "block");
    let reason = &told["reason"];
    assert_eq!((&reason["category"], &reason["source"]), (&"gambling".into(), &"county".into()));
    assert_eq!((&reason["matched"], &reason["line"]), (&"casino.example".into(), &3.into()));
    assert_eq!((&told["answer"]["rcode"], &told["answer"]["ede"]), (&"NXDOMAIN".into(), &15.into()));
    assert!(told["sentence"].as_str().unwrap().contains("county, line 3"), "{told}");
    assert!(!told["trace"].as_array().unwrap().is_empty());
    for wrong in [
        "",
        "?name=",
        "?name=a..b",
        "?name=bets.example&client=pupil",
        "?name=bets.example&type=XX",
        "?name=bets.example&at=noon",
        "?name=bets.example&clinet=127.0.0.1",
    ] {
        running.get(&format!("/api/v1/explain{wrong}"), Some(&token)).is_problem(400);
    }
}

#[test]
fn what_is_in_force_is_told_once_something_is() {
    let running = Box::start(false);
    let token = running.token("head", Scope::Read);
    for path in ["policy", "networks", "policies", "categories", "sources"] {
        running.get(&format!("/api/v1/{path}"), Some(&token)).is_problem(503);
    }
    running.engine.publish(&snapshot(&running.data.path().join("lists")));
    running.facts.set_document(LiveDocument {
        revision: 7,
        at: "2026-09-02T12:30:00Z".to_owned(),
        author: "file",
        text: format!("# https://school:opensesame@lists.example/a?key=k1\n{POLICY}"),
    });
    let file = running.get("/api/v1/policy", Some(&token));
    assert!(file.body.contains("https://***@lists.example/a?key=***"), "{}", file.body);
    running.facts.set_document(LiveDocument {
        revision: 7,
        at: "2026-09-02T12:30:00Z".to_owned(),
        author: "file",
        text: POLICY.to_owned(),
    });
    let policy = running.get("/api/v1/policy", Some(&token)).json();
    assert_eq!((&policy["revision"], &policy["document"]), (&7.into(), &POLICY.into()));
    let networks = running.get("/api/v1/networks", Some(&token)).json();
    assert_eq!(networks["items"][0]["subnets"][0], "127.0.0.0/8", "{networks}");
    assert_eq!(networks["items"].as_array().map(Vec::len), Some(1), "not the stand-in's networks");
}

#[test]
fn what_does_not_exist_is_a_problem() {
    let running = Box::ready(false);
    running.get("/api/v1/nothing", None).is_problem(404);
    let post = "POST /healthz HTTP/1.1\r\nHost: box\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    running.ask(post).is_problem(405);
    let large = "GET /healthz HTTP/1.1\r\nHost: box\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n";
    running.ask(large).is_problem(413);
}

#[test]
fn metrics_are_a_page_that_prometheus_reads() {
    let running = Box::ready(true);
    assert_eq!(dns_rcode(running.dns), 3);
    let page = running.get("/metrics", None);
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    for line in page.body.lines() {
        let sample = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE "));
        let sample = sample.unwrap_or(line);
        assert!(sample.starts_with("schoolgate_"), "{line}");
        if !line.starts_with('#') {
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
    for wanted in [
        "schoolgate_queries_total{network=\"pupils\",transport=\"udp\",verdict=\"block\"} 1",
        "schoolgate_blocked_total{policy=\"ks2\",category=\"gambling\"} 1",
        "schoolgate_query_duration_seconds_count{path=\"fast\"} 1",
        "schoolgate_index_entries 2",
        "schoolgate_ready 1",
        "schoolgate_queue_limit{queue=\"udp\"} 4096",
    ] {
        assert!(page.body.contains(wanted), "{wanted}\n{}", page.body);
    }
}

#[test]
fn a_port_in_use_is_named_and_stopping_frees_it() {
    let running = Box::ready(false);
    let address = running.admin.addresses()[0];
    let again = AdminServer::start(&[address], Arc::clone(&running.facts));
    assert!(matches!(again, Err(StartError::AddressInUse(taken)) if taken == address));
    running.admin.stop();
    let again = AdminServer::start(&[address], running.facts).unwrap();
    again.stop();
}
