//! The admin API: who may read what, and that it says the same as the command line.

use std::sync::Arc;

use serde_json::Value;

use crate::actors::{Coordinator, School};
use crate::scene::{Scene, scene};

/// A token of this scope, made the way a coordinator makes one.
fn token(school: &School, name: &str, scope: &str) -> String {
    let exit = school.run(&["token", "new", "--name", name, "--scope", scope]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let token = exit.out.trim().to_owned();
    assert_eq!(exit.out.trim_end(), token, "the token stands alone");
    assert!(token.len() >= 32 && !token.contains(char::is_whitespace), "{token}");
    token
}

fn with_token(name: &str, scope: &str) -> (Arc<Scene>, Coordinator, String) {
    let scene = scene();
    let token = token(&scene.school, name, scope);
    let coordinator = scene.school.coordinator();
    scene.school.until("the running server knows the token", || {
        coordinator.get_with(&token, "/metrics").status == 200
    });
    (scene, coordinator, token)
}

#[test]
fn health_is_open_to_everybody() {
    let scene = scene();
    let coordinator = scene.school.coordinator();
    assert_eq!(coordinator.get("/healthz").status, 200);
    let ready = coordinator.get("/readyz");
    assert_eq!(ready.status, 200);
    let ready = ready.json();
    assert_eq!(ready["ready"], true);
    let checks = ready["checks"].as_array().unwrap();
    assert!(!checks.is_empty());
    for check in checks {
        assert!(
            check["name"].is_string() && check["state"].is_string() && check["detail"].is_string(),
            "{check}"
        );
    }
}

#[test]
fn everything_else_wants_a_token() {
    let scene = scene();
    let coordinator = scene.school.coordinator();
    for path in ["/metrics", "/api/v1/explain?name=casino.example", "/api/v1/lists"] {
        let response = coordinator.get(path);
        assert_eq!(response.status, 401, "{path}");
        assert!(response.headers.contains("www-authenticate: bearer"), "{path}: {}", response.headers);
        assert!(response.headers.contains("application/problem+json"), "{path}: {}", response.headers);
        assert!(response.json()["detail"].is_string(), "{path}");
        for wrong in ["", "nonsense", "sg_00000000000000000000000000000000"] {
            assert_eq!(coordinator.get_with(wrong, path).status, 401, "{path} {wrong}");
        }
    }
}

#[test]
fn a_metrics_token_reads_metrics_and_nothing_else() {
    let (_scene, coordinator, token) = with_token("only-metrics", "metrics");
    assert_eq!(coordinator.get_with(&token, "/metrics").status, 200);
    for path in ["/api/v1/explain?name=casino.example", "/api/v1/lists"] {
        let response = coordinator.get_with(&token, path);
        assert_eq!(response.status, 403, "{path}");
        assert!(response.json()["detail"].is_string(), "{path}");
    }
}

#[test]
fn explain_names_policy_list_and_line() {
    let (_scene, coordinator, token) = with_token("explainer", "read");
    let told = coordinator
        .get_with(&token, "/api/v1/explain?name=WWW.Poker.example&client=127.20.0.5&type=AAAA")
        .json();
    for (key, value) in [
        ("name", "www.poker.example"),
        ("type", "AAAA"),
        ("client", "127.20.0.5"),
        ("network", "pupils"),
        ("policy", "pupils"),
        ("verdict", "block"),
    ] {
        assert_eq!(told[key], value, "{key} of {told}");
    }
    let reason = &told["reason"];
    assert_eq!(
        (&reason["id"], &reason["category"]),
        (&Value::from("category"), &Value::from("gambling")),
        "{told}"
    );
    assert_eq!(
        (&reason["source"], &reason["line"]),
        (&Value::from("gambling-normal-domains"), &Value::from(3)),
        "{told}"
    );
    assert_eq!(reason["matched"], "poker.example", "{told}");
    assert_eq!(told["answer"]["rcode"], "NXDOMAIN", "{told}");
    assert_eq!(told["answer"]["ttl"], 30, "{told}");
    assert!(told["sentence"].as_str().unwrap().contains("gambling"), "{told}");
    assert!(!told["trace"].as_array().unwrap().is_empty());
    assert!(
        told["index"].as_str().is_some_and(|id| id.len() == 64) && told["revision"].is_number(),
        "{told}"
    );
}

#[test]
fn explain_says_the_same_on_the_command_line() {
    let (scene, coordinator, token) = with_token("twice", "read");
    let cases = [
        ("poker.example", "127.20.0.5", 3),
        ("locked.example", "127.30.0.5", 3),
        ("adult.example", "127.20.0.5", 3),
        ("museum.casino.example", "127.20.0.5", 0),
        ("chess.example", "127.20.0.5", 0),
        ("learning.example", "127.20.0.5", 0),
        ("captive.apple.com", "127.90.0.5", 0),
        ("printer.school.example", "127.20.0.5", 0),
        ("games.example", "127.30.0.5", 0),
        ("www.google.com", "127.20.0.5", 4),
        ("shop.example", "203.0.113.9", 3),
        ("x.onion", "127.20.0.5", 3),
        ("use-application-dns.net", "127.30.0.5", 3),
        ("anything.example.org", "127.40.0.5", 3),
        ("shop.example", "127.99.0.1", 0),
    ];
    for (name, client, code) in cases {
        let exit = scene.school.run(&["explain", name, "--client", client, "--json"]);
        assert_eq!(exit.code, Some(code), "{name} {client}: {exit:?}");
        let mut from_command: Value = serde_json::from_str(&exit.out).unwrap();
        let mut from_server =
            coordinator.get_with(&token, &format!("/api/v1/explain?name={name}&client={client}")).json();
        for told in [&mut from_command, &mut from_server] {
            told["at"] = Value::Null;
        }
        assert_eq!(from_command, from_server, "{name} {client}");
    }
}

#[test]
fn explain_agrees_with_the_wire() {
    let (scene, coordinator, token) = with_token("wire", "read");
    let names = [
        "poker.example",
        "casino.example",
        "exact-ads.example",
        "locked.example",
        "news.example",
        "class-blog.example",
        "tunnel.example",
    ];
    for name in names {
        for (device, client) in
            [(scene.pupil(), "127.20.0.5"), (scene.staff(), "127.30.0.5"), (scene.guest(), "127.90.0.5")]
        {
            let told =
                coordinator.get_with(&token, &format!("/api/v1/explain?name={name}&client={client}")).json();
            let reply = device.ask(name, "A");
            if told["verdict"] == "block" {
                // What is allowed is for the upstream to answer.
                assert_eq!(told["answer"]["rcode"], reply.code(), "{name} {client}: {told}");
            }
            let blocked = !reply.said().contains("198.51.100");
            assert_eq!(told["verdict"] == "block", blocked, "{name} {client}: {told}");
        }
    }
}

#[test]
fn what_cannot_be_explained_is_told_in_words() {
    let (_scene, coordinator, token) = with_token("clumsy", "read");
    for path in [
        "/api/v1/explain",
        "/api/v1/explain?name=",
        "/api/v1/explain?name=a..b",
        "/api/v1/explain?name=x.example&client=nobody",
        "/api/v1/explain?name=x.example&type=NONSENSE",
        "/api/v1/explain?name=x.example&unknown=1",
    ] {
        let response = coordinator.get_with(&token, path);
        assert_eq!(response.status, 400, "{path}: {}", response.body);
        assert!(
            response.json()["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{path}: {}",
            response.body
        );
    }
    assert_eq!(coordinator.get_with(&token, "/api/v1/nothing").status, 404);
}

#[test]
fn the_lists_are_told_with_their_state() {
    let (scene, coordinator, token) = with_token("lister", "read");
    let told = coordinator.get_with(&token, "/api/v1/lists").json();
    assert!(told["index"]["id"].as_str().is_some_and(|id| id.len() == 64), "{told}");
    assert!(told["index"]["entries"].as_u64().is_some_and(|entries| entries > 20), "{told}");
    let items = told["items"].as_array().unwrap();
    let gambling = items.iter().find(|item| item["id"] == "gambling-normal-domains").unwrap();
    assert_eq!(
        (&gambling["state"], &gambling["category"], &gambling["format"]),
        (&"ok".into(), &"gambling".into(), &"domains".into())
    );
    assert_eq!(gambling["entries"], 9, "{gambling}");
    for key in [
        "location",
        "trust",
        "rejected_lines",
        "not_enforceable",
        "checked_at",
        "changed_at",
        "age_seconds",
        "samples",
    ] {
        assert!(!gambling[key].is_null(), "{key} of {gambling}");
    }
    let exit = scene.school.run(&["lists", "status", "--json"]);
    let from_command: Value = serde_json::from_str(&exit.out).unwrap();
    let shape = |told: &Value| -> Vec<(String, String)> {
        told["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["id"].to_string(), item["state"].to_string()))
            .collect()
    };
    assert_eq!(shape(&from_command), shape(&told));
    assert_eq!(from_command["index"]["id"], told["index"]["id"]);
}

#[test]
fn what_happened_can_be_counted() {
    let (scene, coordinator, token) = with_token("counter", "metrics");
    scene.pupil().ask("poker.example", "A");
    scene.pupil().ask("shop.example", "A");
    scene.guest().ask("use-application-dns.net", "A");
    let series = [
        "schoolgate_queries_total{",
        "network=\"pupils\"",
        "transport=\"udp\"",
        "verdict=\"block\"",
        "schoolgate_blocked_total{",
        "category=\"gambling\"",
        "schoolgate_query_duration_seconds",
        "schoolgate_cache_entries",
        "schoolgate_cache_bytes",
        "schoolgate_cache_hits_total",
        "schoolgate_cache_misses_total",
        "schoolgate_upstream_requests_total{server=",
        "schoolgate_source_entries{source=\"gambling-normal-domains\"} 9",
        "schoolgate_source_age_seconds{",
        "schoolgate_index_entries",
        "schoolgate_index_bytes",
        "schoolgate_policy_revision",
        "\nschoolgate_ready 1\n",
        "\nschoolgate_reload_failed 0\n",
        "schoolgate_build_info{",
        "schoolgate_special_name_total{",
    ];
    for wanted in series {
        scene.school.until(&format!("{wanted} is there"), || {
            coordinator.get_with(&token, "/metrics").body.contains(wanted)
        });
    }
    let text = coordinator.get_with(&token, "/metrics").body;
    assert!(
        !text.contains("127.20.0.5") && !text.contains("poker.example"),
        "no client and no name is a label"
    );
}

#[test]
fn a_token_can_be_listed_and_ended() {
    let (scene, coordinator, secret) = with_token("short-lived", "read");
    let list = scene.school.run(&["token", "list"]);
    assert!(list.out.contains("short-lived") && !list.out.contains(&secret), "{list:?}");
    let list: Value = serde_json::from_str(&scene.school.run(&["token", "list", "--json"]).out).unwrap();
    assert!(list.to_string().contains("short-lived") && !list.to_string().contains(&secret), "{list}");
    assert_eq!(scene.school.run(&["token", "revoke", "short-lived"]).code, Some(0));
    scene.school.until("the token is dead", || coordinator.get_with(&secret, "/api/v1/lists").status == 401);
    assert_eq!(scene.school.run(&["token", "revoke", "short-lived"]).code, Some(1));
}

#[test]
fn a_token_is_kept_as_a_digest_only() {
    let (scene, _coordinator, secret) = with_token("secret-keeper", "read");
    let mut open = vec![scene.school.path("state")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "the secret stands in {}", path.display());
            }
        }
    }
}

#[test]
fn a_request_too_large_is_refused_and_the_next_one_works() {
    let scene = scene();
    let coordinator = scene.school.coordinator();
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\nConnection: close\r\n\r\n",
        "x".repeat(1 << 20)
    );
    if let Some(response) = coordinator.send(&long) {
        assert!([400, 413, 431].contains(&response.status), "{}", response.status);
    }
    assert_eq!(coordinator.get("/healthz").status, 200);
}
