//! The description of the API as these tests read it: every operation with a request that it takes.

use std::path::Path;

use serde_json::Value;

/// One operation of the description.
#[derive(Debug)]
pub struct Operation {
    /// `GET` or `POST`.
    pub method: String,
    /// As written, without parameters.
    pub path: String,
    /// The path with an example of every parameter that it needs.
    pub request: String,
    /// The scope that it needs, if any.
    pub scope: Option<String>,
    /// The statuses that it may answer.
    pub statuses: Vec<String>,
    /// Whether it says that it comes in pages.
    pub is_paged: bool,
    /// Whether it says that it can be asked whether it changed.
    pub is_tagged: bool,
}

/// The description as it stands in the repository.
pub fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("admin-api/openapi.json");
    std::fs::read_to_string(path).unwrap()
}

/// Everything that can be asked.
pub fn operations() -> Vec<Operation> {
    let whole: Value = serde_json::from_str(&text()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in whole["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                ["get", "post"].contains(&method.as_str()),
                "{path}: teach these tests to ask with {method}"
            );
            operations.push(read(method, path, operation));
        }
    }
    assert!(operations.len() > 10, "{operations:?}");
    operations
}

/// Everything that is read.
pub fn readings() -> Vec<Operation> {
    operations().into_iter().filter(|operation| operation.method == "GET").collect()
}

fn read(method: &str, path: &str, operation: &Value) -> Operation {
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
    let needed = parameters.iter().filter(|parameter| parameter["required"] == true);
    let query: Vec<String> = needed
        .map(|parameter| {
            let example = parameter["example"].as_str();
            let example = example.unwrap_or_else(|| panic!("{path}: {parameter} needs an example"));
            format!("{}={example}", parameter["name"].as_str().unwrap())
        })
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let security = operation["security"][0].as_object();
    let scope = security.and_then(|schemes| schemes.values().next()?[0].as_str());
    Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        request: format!("{path}{mark}{}", query.join("&")),
        scope: scope.map(str::to_owned),
        statuses: operation["responses"].as_object().unwrap().keys().cloned().collect(),
        is_paged: has("limit") && has("after"),
        is_tagged: has("If-None-Match"),
    }
}
