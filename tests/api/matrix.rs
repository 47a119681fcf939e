//! Every path of the description with every kind of token.

use crate::described::operations;
use crate::office::{Answer, office};

#[test]
fn every_resource_opens_to_the_tokens_that_it_says() {
    let office = office();
    let tokens = [
        ("no token", None),
        ("a wrong token", Some("sg_0000000000000000000000000000000000000000000")),
        ("a revoked token", Some(office.revoked.as_str())),
        ("scope metrics", Some(office.metrics.as_str())),
        ("scope read", Some(office.read.as_str())),
        ("scope operate", Some(office.operate.as_str())),
    ];
    let mut cells = 0;
    for operation in operations() {
        let expected = match operation.scope.as_deref() {
            None => [200; 6],
            Some("metrics") => [401, 401, 401, 200, 200, 403],
            Some("read") => [401, 401, 401, 403, 200, 403],
            Some("operate") => [401, 401, 401, 403, 403, 200],
            Some(scope) => panic!("{}: what does scope {scope} cover?", operation.path),
        };
        for ((kind, token), status) in tokens.into_iter().zip(expected) {
            let cell = format!("{} {} with {kind}", operation.method, operation.request);
            let response = Answer::to(&office.school, &operation.method, &operation.request, token, &[]);
            assert_eq!(response.status, status, "{cell}: {}", response.body);
            assert!(operation.statuses.contains(&status.to_string()), "{cell}: {status} is not described");
            if status >= 400 {
                response.is_problem(status, &cell);
            }
            assert_eq!(response.header("www-authenticate"), (status == 401).then_some("bearer"), "{cell}");
            cells += 1;
        }
    }
    println!("{cells} pairs of resource and token");
}

#[test]
fn nothing_is_changed_but_with_the_scope_to_operate() {
    for operation in operations() {
        let changes = operation.method != "GET";
        assert_eq!(changes, operation.scope.as_deref() == Some("operate"), "{}", operation.path);
    }
}

#[test]
fn what_is_open_is_what_the_design_opens() {
    let open = operations().into_iter().filter(|operation| operation.scope.is_none());
    let open: Vec<String> = open.map(|operation| operation.path).collect();
    assert_eq!(open, ["/api/v1/openapi.json", "/healthz", "/readyz"]);
}
