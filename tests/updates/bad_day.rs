//! A provider's bad day, as pupils, the coordinator and the monitoring see it.

use super::*;
use crate::provider::Offer;

#[test]
fn on_a_bad_day_pupils_are_filtered_and_status_metrics_and_messages_say_what_is_wrong() {
    let scene = Scene::open();
    let needed =
        ["google.com", "bbc.co.uk", "microsoft.com", "wikipedia.org", "khanacademy.org", "github.io"];
    let list = |text: String| Offer::List(text.into_bytes());
    for (offer, state, why) in [
        (Offer::Status("500 Internal Server Error", String::new()), "stale", "500"),
        (Offer::Status("302 Found", "Location: /bets\r\n".into()), "stale", "redirects"),
        (Offer::Page(b"bet0.example\n".to_vec()), "refused", "web page"),
        (list(names("bet", 30)), "refused", "90 % fewer"),
        (list(names("bet", 300) + &needed.join("\n")), "refused", "must have"),
    ] {
        scene.provider.offers("/bets", offer);
        let exit = scene.school.run(&["lists", "update"]);
        assert_eq!(exit.code, Some(1), "{why}: {exit:?}");
        assert!(exit.err.contains("bets: ") && exit.err.contains(why), "{exit:?}");
        let item = scene.status("bets");
        assert_eq!((&item["state"], &item["entries"]), (&state.into(), &300.into()), "{item}");
        assert!(item["error"].as_str().unwrap().contains(why), "{item}");
        assert!(scene.counts(&format!("schoolgate_source_state{{source=\"bets\",state=\"{state}\"}} 1")));
        assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"ok\"} 0"));
        assert!(!scene.counts("schoolgate_source_failures{source=\"bets\"} 0"));
        assert_eq!(scene.said("www.bet299.example"), "NXDOMAIN", "{why}");
        assert_ne!(scene.said("www.google.com"), "NXDOMAIN", "{why}");
    }
    scene.provider.lists("/bets", names("bet", 301) + "google.com\n");
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the list is in force", || scene.said("bet300.example") == "NXDOMAIN");
    assert_ne!(scene.said("www.google.com"), "NXDOMAIN", "a slip costs the slip");
    assert!(scene.counts("schoolgate_source_failures{source=\"bets\"} 0"));
}

#[test]
fn a_wrong_checksum_is_refused_and_the_reason_can_be_read() {
    let scene = Scene::lay_out();
    let url = scene.provider.url("/bets");
    let line = format!("url = \"{url}\"");
    scene.school.edit("policy.toml", &line, &format!("{line}\nchecksum = \"sha256:{}\"", "ab".repeat(32)));
    let exit = scene.school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(1));
    assert!(exit.err.contains("bets: its checksum is wrong"), "{exit:?}");
    assert_eq!(scene.status("bets")["state"], "refused");
    assert_eq!(scene.status("evil")["state"], "ok", "the other lists are taken");
}

#[test]
fn wrong_words_in_the_configuration_are_refused_with_their_place() {
    for (from, to, place) in [
        ("trust = \"normal\"", "trust = \"normal\"\nshrink = 101", "percent"),
        ("trust = \"normal\"", "trust = \"normal\"\ngrowth = 0", "growth"),
        ("trust = \"normal\"", "trust = \"normal\"\nrefresh = \"1m\"", "too often"),
        ("trust = \"normal\"", "trust = \"normal\"\nchecksum = \"md5:1\"", "sha256"),
        ("trust = \"normal\"", "trust = \"normal\"\nminisign = \"RW\"", "minisign public key"),
        ("trust = \"normal\"", "trust = \"normal\"\ncanary = [\"-\u{e9}..\"]", "not a name"),
        ("path = \"ours.txt\"", "path = \"ours.txt\"\nchecksum_url = \"https://a.example/x\"", "url"),
    ] {
        let scene = Scene::lay_out();
        scene.school.edit("policy.toml", from, to);
        let exit = scene.school.run(&["check-config"]);
        assert_eq!(exit.code, Some(2), "{to}: {exit:?}");
        assert!(exit.err.contains("policy.toml:") && exit.err.contains(place), "{to}: {exit:?}");
    }
    for (table, place) in [
        ("promote_at = \"5\"", "time of day"),
        ("promote_at = \"25:00\"", "time of day"),
        ("credentials = \"nowhere.toml\"", "nowhere.toml"),
        ("ca = \"ours.txt\"", "no certificate"),
        ("proxy = \"no proxy\"", "proxy"),
    ] {
        let school =
            Plan::new().tables(&format!("[lists]\n{table}")).file("ours.txt", "ours.example\n").lay_out();
        let exit = school.run(&["check-config"]);
        assert_eq!(exit.code, Some(2), "{table}: {exit:?}");
        assert!(exit.err.contains(place), "{table}: {exit:?}");
    }
}
