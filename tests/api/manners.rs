//! What HTTP asks of every resource: other methods, HEAD, pages, tags, nonsense.

use crate::described::{operations, readings};
use crate::office::{Answer, Office, office};

#[test]
fn nothing_is_found_where_nothing_is() {
    let office = office();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/policy/",
        "/api/v2/policy",
        "/api/v1/networks/pupils",
        "/%2e%2e/etc/passwd",
    ] {
        office.get(path).is_problem(404, path);
        office.get_as(None, path).is_problem(404, path);
    }
}

#[test]
fn what_cannot_be_done_with_a_resource_is_told() {
    let office = office();
    for operation in operations() {
        let possible = if operation.method == "GET" { "get,head" } else { "post" };
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SCHOOL"] {
            if possible.contains(&method.to_lowercase()) {
                continue;
            }
            let cell = format!("{method} {}", operation.request);
            let token =
                if operation.scope.as_deref() == Some("operate") { &office.operate } else { &office.read };
            let length = ["Content-Length: 0"];
            let response = Answer::to(&office.school, method, &operation.request, Some(token), &length);
            assert_eq!(response.status, 405, "{cell}");
            if method != "HEAD" {
                response.is_problem(405, &cell);
            }
            assert_eq!(response.header("allow"), Some(possible), "{cell}");
        }
    }
}

#[test]
fn head_is_get_without_the_body() {
    let office = office();
    for operation in readings() {
        let [get, head] = ["GET", "HEAD"].map(|method| office.ask(method, &operation.request, &[]));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{}", operation.path);
        for name in ["content-type", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {}", operation.path);
        }
    }
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let office = office();
    let tagged: Vec<_> = operations().into_iter().filter(|operation| operation.is_tagged).collect();
    assert!(!tagged.is_empty());
    for operation in tagged {
        let path = &operation.request;
        let (first, again) = asked_again(&office, path);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag"));
        for (known, again) in again {
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag), "{path} {known}");
        }
        let other = office.ask("GET", path, &["If-None-Match: \"other\""]);
        assert_eq!((other.status, other.body), (200, first.body.clone()), "{path}");
        let stranger = Answer::to(&office.school, "GET", path, None, &[&format!("If-None-Match: {tag}")]);
        stranger.is_problem(401, "a tag is no token");
    }
}

/// An answer, and what comes to who has it, in every way to say so. A server that has just started may still
/// take lists up meanwhile, and then has another answer: asked anew.
fn asked_again(office: &Office, path: &str) -> (Answer, Vec<(String, Answer)>) {
    for _ in 0..50 {
        let first = office.get(path);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag")).to_owned();
        let ways = [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()];
        let ask = |known: &String| office.ask("GET", path, &[&format!("If-None-Match: {known}")]);
        let again = ways.iter().map(|known| (known.clone(), ask(known))).collect();
        if office.get(path).header("etag") == Some(&tag) {
            return (first, again);
        }
    }
    panic!("{path} never stays as it is")
}

#[test]
fn pages_together_are_the_whole() {
    let office = office();
    let paged: Vec<_> = operations().into_iter().filter(|operation| operation.is_paged).collect();
    assert!(!paged.is_empty());
    for operation in paged {
        let path = &operation.path;
        let whole = office.get(&format!("{path}?limit=500")).json();
        assert!(whole["next"].is_null(), "{whole}");
        let whole = whole["items"].as_array().unwrap().clone();
        assert!(whole.len() > 1, "{path}");
        let mut together = Vec::new();
        let mut after = String::new();
        for _ in 0..=whole.len() {
            let page = office.get(&format!("{path}?limit=1&after={after}")).json();
            together.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        // What ages may have grown a second older from page to page.
        let ids =
            |items: &[serde_json::Value]| items.iter().map(|item| item["id"].to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&together), ids(&whole), "{path}");
        assert!(ids(&whole).is_sorted(), "{path}");
        let beyond = office.get(&format!("{path}?after=~~~")).json();
        assert!(beyond["items"].as_array().unwrap().is_empty() && beyond["next"].is_null(), "{beyond}");
    }
}

#[test]
fn nonsense_is_told_and_not_ignored() {
    let office = office();
    for operation in operations() {
        if operation.scope.as_deref() != Some("read") {
            continue;
        }
        let mut wrong = vec!["limt=5", "=", "%ff=%ff"];
        if operation.is_paged {
            wrong.extend([
                "limit=0",
                "limit=501",
                "limit=-1",
                "limit=ten",
                "limit=",
                "limit=1.5",
                "limit=99999999999",
                "limit=1&limit=2",
                "after=a&after=b",
            ]);
        }
        for query in wrong {
            let request = format!("{}?{query}", operation.path);
            office.get(&request).is_problem(400, &request);
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_turned_away() {
    let office = office();
    for operation in operations() {
        for header in ["Content-Length: 65537", "Transfer-Encoding: chunked"] {
            office.ask(&operation.method, &operation.request, &[header]).is_problem(413, &operation.path);
        }
    }
}
