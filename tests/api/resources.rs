//! What stands in the resources, held against the school that was opened.

use serde_json::{Value, json};

use crate::described;
use crate::office::{Answer, POLICY, office};

/// The item of an id.
fn item(list: &Value, id: &str) -> Value {
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

/// Fails where a key of `wanted` is otherwise in `told`.
fn holds(told: &Value, wanted: &Value) {
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&told[key], value, "{key} of {told}");
    }
}

#[test]
fn the_description_is_the_one_in_the_repository() {
    let office = office();
    let served = office.get_as(None, "/api/v1/openapi.json");
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.body, described::text());
}

#[test]
fn the_policy_is_the_file_that_decides() {
    let office = office();
    let told = office.get("/api/v1/policy");
    holds(&told.json(), &json!({ "revision": 1, "author": "file", "document": POLICY }));
    assert!(told.json()["at"].as_str().is_some_and(|at| at.ends_with('Z') && at.contains('T')));
    let explained = office.get("/api/v1/explain?name=bets.example").json();
    assert_eq!(explained["revision"], told.json()["revision"]);

    let file = office.ask("GET", "/api/v1/policy", &["Accept: application/toml"]);
    assert_eq!((file.header("content-type"), file.body.as_str()), (Some("application/toml"), POLICY));
    assert_ne!(file.header("etag"), told.header("etag"), "two representations, two tags");
    for response in [&file, &told] {
        assert_eq!(response.header("vary"), Some("accept"));
    }
}

#[test]
fn a_changed_policy_has_another_tag_and_a_higher_revision() {
    let mut school = crate::actors::Plan::new().policy(POLICY).lay_out();
    for list in ["gambling", "adult", "never-had"] {
        school.write(format!("lists/{list}.txt"), "# nothing\nx.example\n");
    }
    school.start().unwrap();
    let token = school.run(&["token", "new", "--name", "head", "--scope", "read"]).out;
    let get = || Answer::to(&school, "GET", "/api/v1/policy", Some(token.trim()), &[]);
    school.until("the token is known", || get().status == 200);
    let before = get();
    school.edit("policy.toml", "Year 6 history", "Year 6 museum day");
    assert_eq!(school.run(&["reload"]).code, Some(0));
    let after = get();
    assert_eq!((&before.json()["revision"], &after.json()["revision"]), (&json!(1), &json!(2)));
    assert!(after.json()["document"].as_str().unwrap().contains("museum day"));
    assert_ne!(before.header("etag"), after.header("etag"));

    school.edit("policy.toml", "version = 1", "version = one");
    assert_ne!(school.run(&["reload"]).code, Some(0));
    assert_eq!(get().json(), after.json(), "a broken file is not in force");
}

#[test]
fn networks_name_their_policies() {
    let told = office().get("/api/v1/networks").json();
    holds(
        &item(&told, "pupils"),
        &json!({ "title": "Classrooms", "subnets": ["127.20.0.0/16"], "interfaces": [], "listen": [], "policy": "year6", "trusts": [] }),
    );
    holds(&item(&told, "staff"), &json!({ "title": null, "policy": "staff" }));
    assert_eq!(told["items"].as_array().unwrap().len(), 2);
}

#[test]
fn policies_are_told_with_settings_and_site_decisions() {
    let told = office().get("/api/v1/policies").json();
    let year6 = item(&told, "year6");
    holds(
        &year6,
        &json!({ "title": "Year 6", "default": "allow", "local": true, "safe_search": true, "youtube": "strict",
            "unsafe_search_engines": "block", "https_records": "strip-ech", "block_answer": "nodata", "max_ttl": 300 }),
    );
    holds(
        &year6["rules"][0],
        &json!({ "action": "allow", "name": "=museum.example", "policy": "year6", "reason": "Year 6 history" }),
    );
    for preset in ["ks1", "ks2", "staff", "guest", "unknown"] {
        item(&told, preset);
    }
}

#[test]
fn categories_say_what_feeds_them_and_what_becomes_of_them() {
    let told = office().get("/api/v1/categories?limit=500").json();
    let gambling = item(&told, "gambling");
    holds(
        &gambling,
        &json!({ "kind": "ordinary", "built_in": true, "targets": true, "sources": ["county-gambling"], "entries": 2 }),
    );
    assert_eq!(gambling["verbs"]["year6"], "block");
    assert_eq!(item(&told, "games")["verbs"]["year6"], "watch");
    holds(
        &item(&told, "illegal/csam"),
        &json!({ "kind": "locked", "verbs": {}, "sources": [], "entries": 0 }),
    );
    holds(&item(&told, "adult"), &json!({ "kind": "strict", "sources": ["adult-hosts"], "entries": null }));
    let waiting = item(&told, "adult/unconfirmed");
    holds(&waiting, &json!({ "kind": "unconfirmed", "sources": ["adult-hosts"] }));
    assert_eq!(
        (&item(&told, "adult")["verbs"]["ks2"], &waiting["verbs"]["ks2"]),
        (&json!("seal"), &json!("block"))
    );
}

#[test]
fn sources_are_told_with_their_state() {
    let office = office();
    let told = office.get("/api/v1/sources").json();
    let gambling = item(&told, "county-gambling");
    holds(
        &gambling,
        &json!({ "category": "gambling", "map": {}, "format": "domains", "match": "subtree", "trust": "normal",
            "licence": "CC0", "state": "ok", "entries": 2, "error": null }),
    );
    assert!(gambling["location"].as_str().unwrap().ends_with("lists/gambling.txt"), "{gambling}");
    assert!(gambling["checked_at"].as_str().unwrap().ends_with('Z') && gambling["age_seconds"].is_u64());
    holds(&item(&told, "adult-hosts"), &json!({ "match": "exact", "format": "hosts" }));
    let missing = item(&told, "never-had");
    holds(&missing, &json!({ "state": "missing", "entries": 0 }));
    assert!(missing["error"].is_string(), "{missing}");
}

#[test]
fn the_cache_counts_what_it_does() {
    let office = office();
    let before = office.get("/api/v1/cache").json();
    let pupil = office.school.pupil("127.20.0.5");
    for _ in 0..2 {
        assert!(pupil.ask("museum.example", "A").said().contains("198.51.100.7"));
    }
    let after = office.get("/api/v1/cache").json();
    let grew = |key: &str| after[key].as_u64().unwrap() > before[key].as_u64().unwrap();
    assert!(
        grew("hits") && after["entries"].as_u64() > Some(0) && after["bytes"].as_u64() > Some(0),
        "{before} {after}"
    );
}

#[test]
fn clients_in_no_network_are_counted() {
    let office = office();
    for address in ["127.99.0.1", "127.99.0.2", "127.99.0.1"] {
        office.school.pupil(address).ask("museum.example", "A");
    }
    let metrics = || office.get_as(Some(&office.metrics), "/metrics").body;
    office.school.until("both are counted", || metrics().contains("\nschoolgate_unknown_clients 2\n"));
}

#[test]
fn buckets_are_told_in_plain_decimals() {
    let office = office();
    office.school.pupil("127.20.0.5").ask("bets.example", "A");
    let metrics = office.get_as(Some(&office.metrics), "/metrics").body;
    let bounds: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("schoolgate_query_duration_seconds_bucket{path=\"fast\""))
        .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(bounds.first(), Some(&"0.000005"));
    assert!(bounds.iter().all(|bound| bound.len() <= 8), "{bounds:?}");
}

#[test]
fn whoever_may_operate_makes_the_box_forget_and_it_is_on_record() {
    let office = office();
    let pupil = office.school.pupil("127.20.0.5");
    let flush = |query: &str| {
        let path = format!("/api/v1/cache/flush?{query}");
        Answer::to(&office.school, "POST", &path, Some(&office.operate), &[])
    };
    let names = ["moved.example", "www.moved.example", "stays.example"];
    let ask_all = || names.map(|name| (pupil.ask(name, "A").said(), office.upstream.times_asked(name)));
    assert_eq!(ask_all().map(|(said, _)| said), ["A 198.51.100.7"; 3]);
    let told = flush("name=Moved.example.");
    assert_eq!(told.json(), json!({ "name": "moved.example", "subtree": false, "answers": 1 }));
    assert_eq!(ask_all().map(|(_, times)| times), [2, 1, 1]);
    let told = flush("name=moved.example&subtree=true");
    assert_eq!(told.json(), json!({ "name": "moved.example", "subtree": true, "answers": 2 }));
    assert_eq!(ask_all().map(|(_, times)| times), [3, 2, 1]);
    for wrong in ["", "name=", "name=a..b", "name=moved.example&subtree=perhaps", "name=a&name=b"] {
        flush(wrong).is_problem(400, wrong);
    }
    let record = office.get("/api/v1/audit?limit=500").json();
    let entries =
        record["items"].as_array().unwrap().iter().filter(|entry| entry["subject"] == "moved.example");
    let entries: Vec<_> =
        entries.map(|entry| [&entry["actor"], &entry["action"], &entry["detail"]]).collect();
    let (actor, action) = (json!("token:mover"), json!("cache.flush"));
    assert_eq!(entries, [[&actor, &action, &json!("")], [&actor, &action, &json!("and all below")]]);
}
