//! Stories of a technician who runs `schoolgate doctor`.
//!
//! What it says of this machine's clock and interfaces depends on the machine, so each story looks
//! only at the parts that the school of the story decides.

use serde_json::Value;

use crate::actors::{Plan, School, Upstream};

const POLICY: &str =
    "version = 1\n[[network]]\nid = \"pupils\"\nsubnets = [\"127.20.0.0/16\"]\npolicy = \"ks2\"\n";

/// What it says of one part: health and sentence.
fn says(school: &School, check: &str) -> Vec<(String, String)> {
    let exit = school.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&exit.out).unwrap();
    assert_eq!(exit.code, Some(i32::from(report["wrong"] != 0)), "{exit:?}");
    let items = report["items"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_check = items.iter().filter(|item| item["check"] == check);
    of_check.map(|item| (text(&item["health"]), text(&item["sentence"]))).collect()
}

#[test]
fn a_school_in_order_has_nothing_wrong_in_what_it_decides() {
    let upstream = Upstream::start();
    let school = Plan::new().policy(POLICY).forwards_to(&upstream).open();
    for (check, count) in [("policy", 1), ("state", 1), ("lists", 1), ("upstream", 1), ("server", 4)] {
        let said = says(&school, check);
        assert!(said.iter().all(|(health, _)| health == "good"), "{said:?}");
        assert_eq!(said.len(), count, "{said:?}");
    }
    assert!(says(&school, "dhcp")[0].1.contains("--probe"));
}

#[test]
fn each_thing_that_is_wrong_comes_with_a_way_out() {
    let mut school = Plan::new().policy(POLICY).forwards_to_url("udp://127.0.0.1:9").open();
    school.edit("policy.toml", "ks2", "ks9");
    let said = says(&school, "policy");
    assert!(said[0].0 == "wrong" && said[0].1.contains("policy.toml:5:"), "{said:?}");
    school.edit("policy.toml", "ks9", "ks1");
    assert!(says(&school, "policy")[0].1.contains("schoolgate reload"));
    let said = says(&school, "upstream");
    assert!(said[0].0 == "wrong" && said[0].1.contains("check its address"), "{said:?}");
    school.stop();
    assert!(says(&school, "server")[0].1.contains("start it"));
}

#[test]
fn a_device_in_no_network_is_named_until_it_is_in_one() {
    let school = Plan::new().policy(POLICY).open();
    assert_eq!(school.pupil("127.66.0.5").ask("localhost", "A").code(), "NOERROR");
    assert_eq!(school.run(&["reload"]).code, Some(0));
    let said = says(&school, "clients");
    assert!(said[0].0 == "wrong" && said[0].1.contains("127.66.0.5"), "{said:?}");
    school.edit("policy.toml", "127.20.0.0/16", "127.0.0.0/8");
    assert_eq!(school.run(&["reload"]).code, Some(0));
    assert_eq!(says(&school, "clients")[0].0, "good");
}
