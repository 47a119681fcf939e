//! The order of decision (design section 5, steps 3 to 11), asked in every way.

use crate::actors::{Question, TRANSPORTS};
use crate::everywhere::{everywhere, is_blocked, is_open};
use crate::scene::{room, scene};

#[test]
fn a_locked_name_stays_locked_for_everybody() {
    let scene = scene();
    for device in [
        scene.pupil(),
        scene.staff(),
        scene.guest(),
        scene.in_room(room::WALLED),
        scene.in_room(room::NOWHERE),
    ] {
        is_blocked(&device, "locked.example", "NXDOMAIN", "16 locked");
    }
    assert_eq!(scene.upstream.times_asked_below("locked.example"), 0, "nobody outside ever hears of it");
}

#[test]
fn no_rule_essential_or_approved_list_opens_a_locked_name() {
    let scene = scene();
    for name in
        ["locked.example", "locked-essential.example", "locked-approved.example", "a.b.locked.example"]
    {
        is_blocked(&scene.pupil(), name, "NXDOMAIN", "16 locked");
        assert_eq!(scene.upstream.times_asked(name), 0);
    }
    is_blocked(&scene.in_room(room::WALLED), "locked-essential.example", "NXDOMAIN", "16 locked");
}

#[test]
fn canaries_are_answered_for_every_policy_and_type() {
    let scene = scene();
    for device in [scene.pupil(), scene.staff(), scene.guest(), scene.in_room(room::UNSAFE)] {
        for name in ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"] {
            everywhere(&device, name, |rtype, reply| {
                assert_eq!(reply.said(), "NXDOMAIN", "{name} {rtype}");
            });
            assert_eq!(scene.upstream.times_asked(name), 0);
        }
    }
}

#[test]
fn no_encrypted_resolver_is_discovered() {
    let scene = scene();
    for device in [scene.pupil(), scene.staff(), scene.guest()] {
        for name in ["_dns.resolver.arpa", "resolver.arpa"] {
            everywhere(&device, name, |rtype, reply| {
                assert_eq!(reply.said(), "NODATA", "{name} {rtype}");
            });
            assert_eq!(scene.upstream.times_asked(name), 0);
        }
    }
}

#[test]
fn what_devices_need_works_even_in_the_walled_garden() {
    let scene = scene();
    for name in ["captive.apple.com", "connectivitycheck.gstatic.com", "www.msftconnecttest.com"] {
        is_open(&scene.pupil(), name);
        is_open(&scene.in_room(room::WALLED), name);
    }
}

#[test]
fn a_listed_name_and_what_is_below_it_is_blocked() {
    let scene = scene();
    for name in ["casino.example", "www.casino.example", "a.b.c.poker.example", "_8443._https.casino.example"]
    {
        is_blocked(
            &scene.pupil(),
            name,
            if name == "casino.example" { "NODATA" } else { "NXDOMAIN" },
            "15 category gambling",
        );
        assert_eq!(scene.upstream.times_asked(name), 0);
    }
    is_open(&scene.pupil(), "notcasino.example");
    is_open(&scene.pupil(), "casino.example.org");
}

#[test]
fn an_international_name_is_blocked_in_its_wire_form() {
    is_blocked(&scene().pupil(), "xn--caf-dma.example", "NXDOMAIN", "15 category gambling");
}

#[test]
fn a_star_covers_the_name_itself_but_in_a_hosts_file() {
    let scene = scene();
    is_open(&scene.pupil(), "below-only.example");
    is_blocked(&scene.pupil(), "www.below-only.example", "NXDOMAIN", "15 category ads");
    is_blocked(&scene.pupil(), "star.example", "NXDOMAIN", "15 category gambling");
}

#[test]
fn a_hosts_file_blocks_exactly_its_names() {
    let scene = scene();
    is_blocked(&scene.pupil(), "exact-ads.example", "NODATA", "15 category ads");
    is_blocked(&scene.pupil(), "more-ads.example", "NODATA", "15 category ads");
    is_blocked(&scene.pupil(), "_443._https.exact-ads.example", "NODATA", "15 category ads");
    is_open(&scene.pupil(), "www.exact-ads.example");
    is_open(&scene.pupil(), "not-a-block.example");
}

#[test]
fn an_exception_clears_only_what_its_own_list_says() {
    let scene = scene();
    is_blocked(&scene.pupil(), "scam.example", "NODATA", "15 category scams");
    is_blocked(&scene.pupil(), "www.scam.example", "NXDOMAIN", "15 category scams");
    is_blocked(&scene.pupil(), "hard.example", "NXDOMAIN", "15 category scams");
    is_blocked(&scene.pupil(), "exact-scam.example", "NODATA", "15 category scams");
    for name in ["honest.scam.example", "www.honest.scam.example", "hot.example", "www.exact-scam.example"] {
        is_open(&scene.pupil(), name);
    }
}

#[test]
fn a_sealed_name_is_opened_by_nothing_in_this_policy() {
    let scene = scene();
    for name in ["adult.example", "www.adult.example", "adult-essential.example", "adult-approved.example"] {
        is_blocked(&scene.pupil(), name, "NXDOMAIN", "15 sealed");
        assert_eq!(scene.upstream.times_asked(name), 0);
    }
    is_blocked(&scene.pupil(), "tunnel.example", "NXDOMAIN", "15 sealed");
    is_blocked(&scene.staff(), "tunnel.example", "NXDOMAIN", "15 category bypass");
}

#[test]
fn a_name_that_one_ordinary_list_calls_adult_is_blocked_but_not_sealed() {
    let scene = scene();
    is_blocked(&scene.staff(), "said-once.example", "NXDOMAIN", "15 category adult/unconfirmed");
    is_open(&scene.pupil(), "said-once.example");
}

#[test]
fn the_most_specific_rule_wins() {
    let scene = scene();
    let pupil = scene.pupil();
    is_open(&pupil, "museum.casino.example");
    is_open(&pupil, "www.museum.casino.example");
    is_open(&pupil, "alone.casino.example");
    is_blocked(&pupil, "www.alone.casino.example", "NXDOMAIN", "15 category gambling");
    is_blocked(&pupil, "news.example", "NODATA", "15 rule");
    is_blocked(&pupil, "www.news.example", "NXDOMAIN", "15 rule");
    is_open(&pupil, "live.sport.news.example");
    is_blocked(&pupil, "www.tabloid.sport.news.example", "NXDOMAIN", "15 rule");
    is_open(&scene.staff(), "www.news.example");
}

#[test]
fn a_rule_for_this_name_only_leaves_the_rest() {
    let scene = scene();
    is_blocked(&scene.pupil(), "exact-rule.example", "NODATA", "15 rule");
    is_open(&scene.pupil(), "www.exact-rule.example");
}

#[test]
fn on_a_tie_block_beats_allow() {
    is_blocked(&scene().pupil(), "tie.example", "NXDOMAIN", "15 rule");
}

#[test]
fn essentials_open_list_categories_but_no_person_is_overruled() {
    let scene = scene();
    is_open(&scene.pupil(), "essential-casino.example");
    is_blocked(&scene.pupil(), "www.essential-casino.example", "NXDOMAIN", "15 category gambling");
    is_open(&scene.pupil(), "bets.mis.example");
    is_blocked(&scene.pupil(), "refused-essential.example", "NXDOMAIN", "15 rule");
    is_open(&scene.in_room(room::WALLED), "only-apex.example");
    is_blocked(&scene.in_room(room::WALLED), "www.only-apex.example", "NXDOMAIN", "15 default");
}

#[test]
fn an_approved_list_clears_its_categories_in_its_policies_only() {
    let scene = scene();
    is_open(&scene.pupil(), "chess.example");
    is_blocked(&scene.pupil(), "games.example", "NXDOMAIN", "15 category games");
    is_blocked(&scene.pupil(), "both.example", "NXDOMAIN", "15 category gambling");
    is_blocked(&scene.in_room(room::BRIEF), "chess.example", "NXDOMAIN", "15 category games");
}

#[test]
fn what_staff_permission_would_open_is_blocked_for_five_seconds() {
    let scene = scene();
    everywhere(&scene.pupil(), "class-blog.example", |rtype, reply| {
        assert_eq!(reply.said(), "NXDOMAIN", "{rtype}");
        assert_eq!(reply.authority(), Some(("example".into(), 5, 5)), "{rtype}");
    });
    is_open(&scene.staff(), "class-blog.example");
    let guest = scene.guest().ask("games.example", "A");
    assert_eq!((guest.said().as_str(), guest.ttl_max()), ("NXDOMAIN", 5), "times counts as block");
}

#[test]
fn a_category_of_the_schools_own_is_judged_like_any() {
    let scene = scene();
    is_blocked(&scene.pupil(), "board-games.example", "NXDOMAIN", "15 category local/board-games");
}

#[test]
fn the_walled_garden_answers_what_is_allowed_and_nothing_else() {
    let scene = scene();
    let garden = scene.in_room(room::WALLED);
    is_open(&garden, "encyclopedia.example");
    assert!(garden.ask("learning.example", "A").said().ends_with("A 198.51.100.7"));
    is_blocked(&garden, "anything-else.example.org", "NXDOMAIN", "15 default");
    is_blocked(&garden, "casino.example", "NXDOMAIN", "15 category gambling");
}

#[test]
fn a_pupil_and_a_teacher_get_their_own_answers_whoever_asks_first() {
    let scene = scene();
    for transport in TRANSPORTS {
        let question = Question::new("games.example", "A");
        for _ in 0..2 {
            assert_eq!(scene.staff().send(transport, &question).said(), "A 198.51.100.7");
            assert_eq!(scene.pupil().send(transport, &question).said(), "NXDOMAIN");
        }
    }
}
