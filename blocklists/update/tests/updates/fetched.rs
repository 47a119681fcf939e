//! Lists from providers, on good days and on bad ones.

use std::io::Write;
use std::sync::{Arc, Barrier};

use super::*;

const LIST: &str = "bet.example\nbingo.example\n";

fn bets(provider: &Provider) -> [Source; 1] {
    [source("bets", "gambling", Location::Url(provider.url("/bets.txt")))]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_list_that_did_not_change_is_not_transferred_again_not_even_after_a_restart() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets.txt", LIST);
    let order = Order::new();
    school.run(&order, &bets(&provider));
    assert!(!provider.asked()[0].headers.contains_key("if-none-match"));
    for _ in 0..2 {
        assert!(school.run(&order, &bets(&provider)).unchanged);
        let [asked] = &provider.asked()[..] else { panic!("one question a list") };
        assert!(asked.headers.contains_key("if-none-match"));
        assert!(asked.headers["user-agent"].starts_with("schoolgate/"));
        assert_eq!(school.item("bets").state, State::Ok);
    }
    provider.lists("/bets.txt", "bet.example\npoker.example\n");
    assert!(!school.run(&order, &bets(&provider)).unchanged);
    assert!(school.lists("poker.example") && !school.lists("bingo.example"));

    // Without the copy, "nothing changed" would be no help.
    std::fs::remove_file(school.state("copies").join(&school.files("copies")[0])).unwrap();
    provider.asked();
    school.run(&order, &bets(&provider));
    assert!(school.lists.verify().unwrap().iter().all(|file| file.good));
}

#[test]
fn a_transfer_that_is_packed_is_kept_as_its_author_published_it() {
    let zstd = zstd::encode_all(LIST.as_bytes(), 1).unwrap();
    for (coding, bytes) in [("gzip", gzip(LIST.as_bytes())), ("zstd", zstd), ("gzip", LIST.into())] {
        let (school, provider) = (School::new(), Provider::open());
        provider.offers("/bets.txt", Offer::Packed(coding, bytes));
        assert!(school.run(&Order::new(), &bets(&provider)).refused.is_empty());
        let copy = school.state("copies").join(&school.files("copies")[0]);
        assert_eq!(std::fs::read_to_string(copy).unwrap(), LIST);
        assert_eq!(provider.asked()[0].headers["accept-encoding"], "gzip, zstd");
    }
}

/// What a provider may do on a bad day, the state that its list is in then, and words of the reason.
fn bad_day() -> Vec<(Offer, State, &'static str)> {
    let list = |text: &str| Offer::List(text.as_bytes().to_vec());
    let packed = gzip(names("bet", 4000).as_bytes());
    let cut = [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", LIST.as_bytes()].concat();
    let needed: String =
        ["google.com", "bbc.co.uk", "microsoft.com", "wikipedia.org", "khanacademy.org", "github.io"]
            .map(|name| format!("{name}\n"))
            .concat();
    vec![
        (Offer::Status("404 Not Found", String::new()), State::Stale, "404"),
        (Offer::Status("500 Internal Server Error", String::new()), State::Stale, "500"),
        (Offer::Status("302 Found", "Location: /bets.txt\r\n".into()), State::Stale, "redirects"),
        (Offer::Status("302 Found", "Location: https://[::\r\n".into()), State::Stale, ""),
        (Offer::Page(LIST.into()), State::Refused, "web page"),
        (list("<html>Log in to the school's Wi-Fi</html>"), State::Refused, "web page"),
        (Offer::List(gzip(b"<!DOCTYPE html>")), State::Refused, "web page"),
        (Offer::Packed("gzip", packed[..packed.len() / 2].to_vec()), State::Stale, ""),
        (Offer::List(packed[..packed.len() / 2].to_vec()), State::Refused, ""),
        (Offer::Packed("gzip", gzip(&vec![b'\n'; 2_000_000])), State::Stale, "unpacks to more"),
        (
            Offer::Packed("zstd", zstd::encode_all(&vec![b'\n'; 2_000_000][..], 1).unwrap()),
            State::Stale,
            "unpacks",
        ),
        (Offer::Packed("br", LIST.into()), State::Stale, "packed"),
        (list(&"x".repeat(200_000)), State::Stale, "sends more"),
        (Offer::Raw(cut), State::Stale, ""),
        (Offer::Raw(b"HTTP/1.1 200".to_vec()), State::Stale, ""),
        (Offer::Raw(b"\0\xff no http".to_vec()), State::Stale, ""),
        (Offer::Drip, State::Stale, "too slowly"),
        (Offer::Silence, State::Stale, "too long"),
        (list(""), State::Refused, "empty"),
        (list(&"what is this\n".repeat(300)), State::Refused, "gives a name"),
        (list(&names("bet", 30)), State::Refused, "90 % fewer"),
        (list(&names("bet", 2000)), State::Refused, "more than 4 times"),
        (list(&(names("bet", 300) + &needed)), State::Refused, "must have"),
    ]
}

#[test]
fn whatever_a_provider_does_on_a_bad_day_what_was_in_force_stays() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets.txt", names("bet", 300));
    let order = Order::new();
    let first = school.run(&order, &bets(&provider));
    for (number, (offer, state, why)) in bad_day().into_iter().enumerate() {
        provider.offers("/bets.txt", offer);
        let outcome = school.run(&order, &bets(&provider));
        let (_, told) =
            outcome.refused.first().unwrap_or_else(|| panic!("bad day {number} ({why}) was a good one"));
        assert!(told.contains(why), "{number}: {why}: {told}");
        assert!(!told.contains("http://"), "no address in messages: {told}");
        assert_eq!((outcome.id.as_str(), outcome.unchanged), (first.id.as_str(), true), "{number}: {why}");
        let item = school.item("bets");
        assert_eq!((item.state, item.entries), (state, 300), "{number}: {told}");
        assert!(item.failures > 0 && item.next_at.is_some());
        assert!(school.lists("bet0.example") && school.lists("bet299.example"), "{number}: {why}");
        assert_eq!(school.files("copies").len(), 1, "{number}: nothing is left behind");
        assert!(!school.files(".").iter().any(|name| name.starts_with(".new-")));
    }
    provider.lists("/bets.txt", names("bet", 301));
    assert!(school.run(&order, &bets(&provider)).refused.is_empty());
    assert_eq!((school.item("bets").failures, school.lists("bet300.example")), (0, true));
}

#[test]
fn a_single_slip_costs_the_slip_and_not_the_list() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets.txt", names("bet", 300));
    school.run(&Order::new(), &bets(&provider));
    provider.lists("/bets.txt", names("bet", 301) + "google.com\n");
    assert!(school.run(&Order::new(), &bets(&provider)).refused.is_empty());
    assert!(school.lists("bet300.example") && !school.lists("google.com"));
    assert_eq!(school.item("bets").dropped, 1);
}

#[test]
fn a_list_may_change_its_size_as_far_as_the_school_says() {
    let (school, provider) = (School::new(), Provider::open());
    let order =
        Order::new().keeps("bets", Upkeep { shrink_percent: 90, growth_times: 20, ..Upkeep::default() });
    for count in [200, 20, 200, 3000] {
        provider.lists("/bets.txt", names("bet", count));
        let outcome = school.run(&order, &bets(&provider));
        assert!(outcome.refused.is_empty(), "{count}: {outcome:?}");
    }
}

#[test]
fn a_list_without_its_canary_is_not_that_list() {
    let (school, provider) = (School::new(), Provider::open());
    let canary = || vec![Name::parse("bet7.example").unwrap()];
    let order = Order::new()
        .keeps("bets", Upkeep { canary: canary(), ..Upkeep::default() })
        .keeps("police", Upkeep { canary: canary(), ..Upkeep::default() });
    let [bets] = bets(&provider);
    let police = source("police", "illegal/other", Location::Url(provider.url("/police.txt")));
    provider.lists("/bets.txt", names("bet", 20));
    provider.lists("/police.txt", names("bet", 20));
    assert!(school.run(&order, &[bets.clone(), police.clone()]).refused.is_empty());
    provider.lists("/bets.txt", names("bet", 7));
    provider.lists("/police.txt", names("worse", 7));
    let outcome = school.run(&order, &[bets, police]);
    assert!(
        matches!(&*outcome.refused, [(id, why)] if id == "bets" && why.contains("bet7.example")),
        "{outcome:?}"
    );
    assert!(school.lists("bet19.example"));
    assert!(school.lists("worse1.example"), "what is always blocked is never refused for a canary");
}

#[test]
fn hosts_are_asked_at_once() {
    let (school, one, other) = (School::new(), Provider::open(), Provider::open());
    let both = Arc::new(Barrier::new(2));
    one.offers("/a", Offer::Together(Arc::clone(&both), "a.example\n".into()));
    other.offers("/b", Offer::Together(both, "b.example\n".into()));
    let sources = [
        source("a", "games", Location::Url(one.url("/a"))),
        source("b", "games", Location::Url(other.url("/b"))),
    ];
    let mut order = Order::new();
    order.access.bounds.silence = Duration::from_secs(20);
    assert!(school.run(&order, &sources).refused.is_empty());
    assert!(school.lists("a.example") && school.lists("b.example"));
}

#[test]
fn what_is_fetched_is_left_alone_when_only_this_machine_is_read() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets.txt", LIST);
    school.run(&Order::new(), &bets(&provider));
    provider.asked();
    assert!(school.lists.update(&bets(&provider), true, &mut |_| {}).unwrap().refused.is_empty());
    assert!(provider.asked().is_empty());
}
