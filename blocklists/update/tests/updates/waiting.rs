//! Lessons undisturbed: what goes live at once, and what waits for its hour.

use super::*;

struct Lesson {
    school: School,
    provider: Provider,
    sources: Vec<Source>,
}

/// A school whose lists were all had once.
fn lesson() -> Lesson {
    let (school, provider) = (School::new(), Provider::open());
    let mut sources = Vec::new();
    for (id, category) in [
        ("play", "games"),
        ("evil", "malware"),
        ("fraud", "scams"),
        ("police", "illegal/other"),
        ("odd", "malware"),
    ] {
        provider.lists(&format!("/{id}"), format!("{id}.example\n"));
        sources.push(source(id, category, Location::Url(provider.url(&format!("/{id}")))));
    }
    sources[4].trust = Trust::Extra;
    sources.push(school.list("ours", "games", "ours.example\n"));
    let outcome = school.run(&Order::new().waits(), &sources);
    assert!(outcome.waiting.is_empty() && school.lists("play.example"), "what was never had does not wait");
    Lesson { school, provider, sources }
}

impl Lesson {
    /// Every list gets a name more.
    fn changes(&self) {
        for id in ["play", "evil", "fraud", "police", "odd"] {
            self.provider.lists(&format!("/{id}"), format!("{id}.example\nnew-{id}.example\n"));
        }
        self.school.list("ours", "games", "ours.example\nnew-ours.example\n");
    }

    fn run(&self, order: &Order) -> Outcome {
        self.school.run(order, &self.sources)
    }
}

#[test]
fn threats_and_what_is_always_blocked_go_live_at_once_and_the_rest_waits() {
    let lesson = lesson();
    lesson.changes();
    let outcome = lesson.run(&Order::new().waits());
    assert_eq!(outcome.waiting, ["play", "odd"]);
    for (name, live) in [
        ("new-evil.example", true),
        ("new-fraud.example", true),
        ("new-police.example", true),
        ("new-ours.example", true),
        ("new-play.example", false),
        ("new-odd.example", false),
        ("play.example", true),
    ] {
        assert_eq!(lesson.school.lists(name), live, "{name}");
    }
    let item = lesson.school.item("play");
    let waiting = item.waiting.unwrap();
    assert_eq!((waiting.added, waiting.removed, item.state), (1, 0, State::Ok));
    assert!(waiting.until > waiting.since && waiting.until.to_string().ends_with("T05:00:00Z"));

    // Nothing new: it waits on, and since when does not move.
    assert!(lesson.run(&Order::new().waits()).unchanged);
    assert_eq!(lesson.school.item("play").waiting, Some(waiting));
}

#[test]
fn an_update_by_hand_puts_in_force_what_waits() {
    let lesson = lesson();
    lesson.changes();
    lesson.run(&Order::new().waits());
    assert!(lesson.run(&Order::new()).waiting.is_empty());
    assert!(lesson.school.lists("new-play.example") && lesson.school.lists("new-odd.example"));
    assert!(lesson.school.lists.verify().unwrap().iter().all(|file| file.good));
}

#[test]
fn when_its_hour_has_come_it_goes_live_although_its_provider_is_gone() {
    let lesson = lesson();
    lesson.changes();
    lesson.run(&Order::new().waits());
    let status = lesson.school.state("status.json");
    let text = std::fs::read_to_string(&status).unwrap();
    let until = lesson.school.item("play").waiting.unwrap().until.to_string();
    std::fs::write(&status, text.replace(&until, "2026-01-01T05:00:00Z")).unwrap();
    lesson.provider.offers("/play", Offer::Status("404 Not Found", String::new()));
    lesson.run(&Order::new().waits());
    assert!(lesson.school.lists("new-play.example"));
    assert_eq!(lesson.school.item("play").state, State::Stale);
}

#[test]
fn what_its_author_takes_back_or_replaces_never_goes_live() {
    let lesson = lesson();
    lesson.changes();
    lesson.run(&Order::new().waits());
    lesson.provider.lists("/play", "play.example\nbetter.example\n");
    lesson.provider.lists("/odd", "odd.example\n");
    let outcome = lesson.run(&Order::new().waits());
    assert_eq!(outcome.waiting, ["play"]);
    lesson.run(&Order::new());
    assert!(lesson.school.lists("better.example") && !lesson.school.lists("new-play.example"));
    assert!(!lesson.school.lists("new-odd.example"));
}

#[test]
fn what_waits_was_judged_when_it_came() {
    let lesson = lesson();
    lesson.provider.lists("/play", "no name here\n");
    let outcome = lesson.run(&Order::new().waits());
    assert_eq!((outcome.waiting.len(), outcome.refused.len()), (0, 1));
    lesson.provider.lists("/play", "play.example\nno name here\nnor here, really\n");
    assert_eq!(lesson.run(&Order::new().waits()).refused.len(), 1);
}
