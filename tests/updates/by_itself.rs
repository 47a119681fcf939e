//! What the server does about its lists without being asked, and what people may do about it.

use super::*;

#[test]
fn a_list_file_that_somebody_saves_is_in_force_within_seconds() {
    let scene = Scene::open();
    assert_ne!(scene.said("chess.example"), "NXDOMAIN");
    scene.school.write("ours.txt", "ours.example\nchess.example\n");
    scene.school.until("the file is taken up", || scene.said("chess.example") == "NXDOMAIN");
    scene.provider.asked();
    scene.school.write("ours.txt", "chess.example\n");
    scene.school.until("the file is taken up again", || scene.said("ours.example") != "NXDOMAIN");
    assert!(scene.provider.asked().is_empty(), "no provider is troubled for it");
}

#[test]
fn lessons_are_not_disturbed_by_new_content_and_everybody_can_see_what_waits() {
    let scene = Scene::open();
    scene.provider.lists("/bets", names("bet", 299) + "maths.example\n");
    scene.provider.lists("/evil", "evil.example\nworse.example\n");
    let exit = scene.school.run(&["lists", "update", "--wait"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    scene.school.until("the threat is in force", || scene.said("worse.example") == "NXDOMAIN");
    assert_ne!(scene.said("maths.example"), "NXDOMAIN");
    let status = scene.school.run(&["lists", "status"]).out;
    assert!(status.contains("waits until") && status.contains("+1 -1 lines"), "{status}");
    let waiting = &scene.status("bets")["waiting"];
    assert!(
        waiting["until"].as_str().unwrap().contains("T05:00")
            || waiting["until"].as_str().unwrap().contains("T04:00")
    );
    assert!(scene.counts("schoolgate_lists_waiting 1"));

    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("what waited is in force", || scene.said("maths.example") == "NXDOMAIN");
    scene.school.until("nothing waits", || scene.counts("schoolgate_lists_waiting 0"));
}

#[test]
fn a_coordinator_goes_back_and_the_mistake_does_not_return() {
    let scene = Scene::open();
    let exit = scene.school.run(&["lists", "rollback"]);
    assert_eq!(exit.code, Some(1), "there is no way back yet: {exit:?}");
    scene.provider.lists("/bets", names("bet", 300) + "maths.example\n");
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the mistake is in force", || scene.said("maths.example") == "NXDOMAIN");
    let exit = scene.school.run(&["lists", "rollback"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(exit.out.contains("bets") && exit.out.contains("--forget-rollback"), "{exit:?}");
    scene.school.until("the mistake is gone", || scene.said("maths.example") != "NXDOMAIN");
    assert_eq!(scene.said("bet0.example"), "NXDOMAIN");
    let exit = scene.school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(exit.err.contains("rolled back"), "{exit:?}");
    assert_ne!(scene.said("maths.example"), "NXDOMAIN");
    scene.provider.lists("/bets", names("bet", 302));
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the mended list is in force", || scene.said("bet301.example") == "NXDOMAIN");
}

#[test]
fn a_provider_that_is_gone_holds_up_no_start() {
    let mut scene = Scene::lay_out();
    for path in ["/bets", "/evil", "/police"] {
        let gone = provider::Offer::Status("503 Busy", "Retry-After: 3600\r\n".to_owned());
        scene.provider.offers(path, gone);
    }
    scene.school.start().unwrap();
    assert_eq!(scene.said("ours.example"), "NXDOMAIN");
    assert_eq!(scene.status("bets")["state"], "missing");
    let told = |log: String| log.contains("bets: ") && log.contains("503") && log.contains("are not fresh");
    scene.school.until("the log says which and why", || told(scene.school.log()));
    scene.school.stop();
    scene.provider.asked();
    scene.school.start().unwrap();
    assert!(scene.provider.asked().is_empty(), "who asked to be left alone is, over a restart too");
}

#[test]
fn a_correction_in_the_policy_opens_a_wrongly_listed_name_within_seconds_of_the_reload() {
    let scene = Scene::open();
    let index = std::fs::read(scene.school.path("state/lists/current")).unwrap();
    let correction = "[[correction]]\nname = \"bet7.example\"\ncategory = \"gambling\"\naction = \"remove\"\nreason = \"a maths game\"\n";
    scene.school.edit("policy.toml", "[[network]]", &format!("{correction}[[network]]"));
    assert_eq!(scene.school.run(&["reload"]).code, Some(0));
    scene.school.until("the name is open", || scene.said("www.bet7.example") != "NXDOMAIN");
    assert_eq!(scene.said("bet70.example"), "NXDOMAIN");
    let now = std::fs::read(scene.school.path("state/lists/current")).unwrap();
    assert!(now.starts_with(&index) && now.len() > index.len(), "the index is the same, with an overlay");
    let changes = scene.school.run(&["lists", "changes", "--names"]).out;
    assert!(
        changes.contains("corrections") && changes.contains("+gambling takes out bet7.example"),
        "{changes}"
    );
    scene.school.edit("policy.toml", correction, "");
    assert_eq!(scene.school.run(&["reload"]).code, Some(0));
    scene.school.until("the name is blocked again", || scene.said("www.bet7.example") == "NXDOMAIN");
}

#[test]
fn a_small_list_beside_a_big_one_is_in_force_within_seconds_and_the_big_index_stays() {
    let scene = Scene::open();
    scene.provider.lists("/bets", names("bet", 20_001) + "bet365.com\n");
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the big list is in force", || scene.said("bet20000.example") == "NXDOMAIN");
    let named = || {
        let current = std::fs::read_to_string(scene.school.path("state/lists/current")).unwrap();
        current.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = named();
    scene.school.write("ours.txt", "ours.example\nchess.example\n");
    scene.school.until("the small list is in force", || scene.said("chess.example") == "NXDOMAIN");
    let after = named();
    assert!(before.len() == 2 && before[0] == after[0] && before[1] != after[1], "{before:?} {after:?}");
    for name in ["ours.example", "locked.example", "evil.example", "bet0.example"] {
        assert_eq!(scene.said(name), "NXDOMAIN", "{name}");
    }
    assert_eq!(scene.school.run(&["lists", "rollback"]).code, Some(0));
    scene.school.until("the small list is as before", || scene.said("chess.example") != "NXDOMAIN");
    assert_eq!(named(), before);
    assert_eq!(scene.said("ours.example"), "NXDOMAIN");
}

#[test]
fn a_damaged_overlay_is_taken_up_again_once_an_update_has_healed_it() {
    let mut scene = Scene::lay_out();
    scene.provider.lists("/bets", names("bet", 20_001) + "bet365.com\n");
    scene.school.start().unwrap();
    scene.school.until("the lists are in force", || scene.said("bet20000.example") == "NXDOMAIN");
    scene.school.write("ours.txt", "ours.example\nchess.example\n");
    scene.school.until("the small list is in force", || scene.said("chess.example") == "NXDOMAIN");
    scene.school.stop();
    let current = std::fs::read_to_string(scene.school.path("state/lists/current")).unwrap();
    let overlay = format!("state/lists/{}.ovl", current.lines().nth(1).unwrap());
    scene.school.write(&overlay, "torn");
    scene.school.start().unwrap();
    for name in ["ours.example", "locked.example", "bet0.example"] {
        assert_eq!(scene.said(name), "NXDOMAIN", "{name}: the lists before are whole");
    }
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the newest list is in force again", || scene.said("chess.example") == "NXDOMAIN");
    assert_eq!(scene.school.run(&["lists", "verify"]).code, Some(0));
}
