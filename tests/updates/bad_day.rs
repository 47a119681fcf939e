//! A provider's bad day, as pupils, the coordinator and the monitoring see it.

use std::process::Stdio;

use super::*;
use crate::provider::Offer;

/// What a provider may do, the state that its list is in then, and words of the reason.
fn bad_day() -> Vec<(Offer, &'static str, &'static str)> {
    let needed =
        ["google.com", "bbc.co.uk", "microsoft.com", "wikipedia.org", "khanacademy.org", "github.io"];
    let list = |text: String| Offer::List(text.into_bytes());
    // A header, then a block of so many bytes stored as they are (RFC 1951 section 3.2.4), cut short.
    let head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x0f\x27\xf0\xd8";
    let half = [head, names("bet", 30).as_bytes()].concat();
    let cut = [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", names("bet", 30).as_bytes()].concat();
    vec![
        (Offer::Status("404 Not Found", String::new()), "stale", "404"),
        (Offer::Status("500 Internal Server Error", String::new()), "stale", "500"),
        (Offer::Status("302 Found", "Location: /bets\r\n".into()), "stale", "redirects"),
        (Offer::Page(b"bet0.example\n".to_vec()), "refused", "web page"),
        (list("<html>Log in to the school's Wi-Fi</html>".into()), "refused", "web page"),
        (Offer::Packed("gzip", half.clone()), "stale", ""),
        (Offer::List(half), "refused", ""),
        (Offer::Raw(cut), "stale", ""),
        (list(String::new()), "refused", "empty"),
        (list(names("bet", 30)), "refused", "90 % fewer"),
        (list(names("bet", 300) + &needed.join("\n")), "refused", "must have"),
    ]
}

#[test]
fn on_a_bad_day_pupils_are_filtered_and_status_metrics_and_messages_say_what_is_wrong() {
    let scene = Scene::open();
    let before = scene.in_force();
    scene.while_pupils_ask(|_, is_over| {
        for (number, (offer, state, why)) in bad_day().into_iter().enumerate() {
            scene.provider.offers("/bets", offer);
            let exit = scene.school.run(&["lists", "update"]);
            assert!(!is_over(), "{number}: {why}");
            assert_eq!(exit.code, Some(1), "{number}: {why}: {exit:?}");
            let told = exit.err.lines().find(|line| line.contains("bets: ")).unwrap();
            assert!(told.contains(why), "{exit:?}");
            let item = scene.status("bets");
            assert_eq!((&item["state"], &item["entries"]), (&state.into(), &300.into()), "{item}");
            let error = item["error"].as_str().unwrap();
            assert!(!error.is_empty() && told.contains(error), "{told}: {item}");
            assert!(scene.counts(&format!("schoolgate_source_state{{source=\"bets\",state=\"{state}\"}} 1")));
            assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"ok\"} 0"));
            assert!(!scene.counts("schoolgate_source_failures{source=\"bets\"} 0"));
            assert_eq!(scene.said("www.bet299.example"), "NXDOMAIN", "{why}");
            assert_ne!(scene.said("www.google.com"), "NXDOMAIN", "{why}");
            assert!(scene.in_force() == before && scene.is_whole(), "{number}: {why}");
        }
        scene.provider.lists("/bets", names("bet", 300));
        assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0), "304: it is what we have");
        assert_eq!((scene.status("bets")["state"].as_str(), scene.in_force()), (Some("ok"), before));
        assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"ok\"} 1"));
        scene.provider.lists("/bets", names("bet", 301) + "google.com\n");
        assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
        scene.school.until("the list is in force", || scene.said("bet300.example") == "NXDOMAIN");
        assert_ne!(scene.said("www.google.com"), "NXDOMAIN", "a slip costs the slip");
        assert!(scene.counts("schoolgate_source_failures{source=\"bets\"} 0"));
    });
}

#[test]
fn pupils_are_filtered_while_an_update_hangs_on_a_provider_that_drips_or_says_nothing() {
    let scene = Scene::open();
    let before = scene.in_force();
    for offer in [Offer::Drip, Offer::Silence] {
        scene.provider.offers("/bets", offer);
        scene.provider.asked();
        scene.while_pupils_ask(|answers, is_over| {
            let mut update = scene.school.command(&["lists", "update"]);
            let mut update = update.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let is_asked = || scene.provider.asked().iter().any(|asked| asked.path == "/bets");
            scene.school.until("the provider is asked", is_asked);
            let start = answers.load(Ordering::Relaxed);
            let answered = || is_over() || answers.load(Ordering::Relaxed) > start + 20;
            scene.school.until("pupils are answered meanwhile", answered);
            let hangs = update.try_wait().unwrap().is_none();
            update.kill().unwrap();
            update.wait().unwrap();
            assert!(hangs, "the update ended before pupils could ask");
        });
        assert!(scene.in_force() == before && scene.is_whole());
    }
    scene.provider.lists("/bets", names("bet", 301));
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the next update heals it", || scene.said("bet300.example") == "NXDOMAIN");
}

#[test]
fn a_list_that_is_not_proved_is_refused_and_the_reason_can_be_read() {
    let checksum = format!("checksum = \"sha256:{}\"", "ab".repeat(32));
    let key = "minisign = \"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"";
    for (proof, why) in [(checksum.as_str(), "its checksum is wrong"), (key, "signature")] {
        let scene = Scene::open();
        scene.provider.lists("/bets", names("bet", 301));
        scene.provider.lists("/bets.minisig", "untrusted comment: x\nAAAA\ntrusted comment: x\nAAAA\n");
        let url = scene.provider.url("/bets");
        let line = format!("url = \"{url}\"");
        scene.school.edit("policy.toml", &line, &format!("{line}\n{proof}"));
        scene.while_pupils_ask(|_, _| {
            let exit = scene.school.run(&["lists", "update"]);
            assert_eq!(exit.code, Some(1));
            let told = exit.err.lines().find(|line| line.contains("bets: ")).unwrap();
            assert!(told.contains(why), "{exit:?}");
        });
        let item = scene.status("bets");
        assert_eq!((&item["state"], &item["entries"]), (&"refused".into(), &300.into()), "{item}");
        assert!(item["error"].as_str().unwrap().contains(why), "{item}");
        assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"refused\"} 1"));
        assert_eq!(scene.status("evil")["state"], "ok", "the other lists are taken");
        assert_ne!(scene.said("bet300.example"), "NXDOMAIN");
        assert!(scene.is_whole());
    }
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
