//! The description of the API stands in the repository, so that a change of the API shows in review.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Set this to have the file written anew.
const WRITE: &str = "SCHOOLGATE_WRITE_OPENAPI";

#[test]
fn openapi_file_is_what_the_api_says_of_itself() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let described = admin_api::api::description().unwrap();
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &described).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(described.lines()).position(|(kept, described)| kept != described);
    assert!(
        kept == described,
        "admin-api/openapi.json is not what the API says of itself (first difference at line {}). \
         If the change is meant: {WRITE}=1 cargo test -p admin-api openapi",
        differs.map_or(kept.lines().count(), |line| line) + 1
    );
}

#[test]
fn openapi_says_everything_in_words() {
    let whole: Value = serde_json::from_str(&admin_api::api::description().unwrap()).unwrap();
    assert_eq!(whole["openapi"], "3.1.0");
    let mut silent = Vec::new();
    for (path, operations) in whole["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let undescribed = parameters.filter(|parameter| !parameter["description"].is_string());
            silent.extend(undescribed.map(|parameter| format!("{method} {path} {}", parameter["name"])));
            silent.extend((!operation["summary"].is_string()).then(|| format!("{method} {path}")));
        }
    }
    for (name, schema) in whole["components"]["schemas"].as_object().unwrap() {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_told =
                property["description"].is_string() || property["oneOf"][0]["description"].is_string();
            silent.extend((!is_told).then(|| format!("{name}.{key}")));
        }
    }
    assert!(silent.is_empty(), "no words for {silent:#?}");
}
