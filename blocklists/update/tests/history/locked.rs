//! A feed of illegal content, and all that may become of it.

use std::path::Path;

use blocklists::source::{Location, Source};
use blocklists_update::{UpdateError, locked::Light};

use crate::years::{Years, categories, domains};

fn feed(file: &Path) -> Source {
    Source { location: Location::Path(file.to_owned()), ..domains("feed", "illegal/csam") }
}

fn blocks(school: &Years) -> bool {
    let (index, _) = school.lists.load_best().unwrap();
    categories(&index, "www.worst.example") == ["illegal/csam"]
}

fn light(school: &Years) -> (Light, String) {
    let feed = school.lists.overview(None).locked_feeds.into_iter().next().unwrap();
    (feed.status, feed.why)
}

#[test]
fn a_feed_that_comes_empty_or_not_at_all_stays_as_it_was_and_the_light_goes_amber() {
    let school = Years::new();
    let file = school.dir.path().join("feed.txt");
    let sources = [feed(&file)];
    let update = || school.lists.update(&sources, false, &mut |_| {}).unwrap();
    std::fs::write(&file, "").unwrap();
    update();
    assert_eq!(light(&school).0, Light::Amber, "it was never had");
    std::fs::write(&file, "worst.example\n").unwrap();
    update();
    assert!(blocks(&school));
    assert_eq!(light(&school).0, Light::Green);
    for bad in ["", "# nothing\n", "<html>log in</html>", "192.0.2.1\n"] {
        std::fs::write(&file, bad).unwrap();
        update();
        assert!(blocks(&school), "{bad:?}");
        assert_eq!(light(&school).0, Light::Amber, "{bad:?}");
    }
    std::fs::remove_file(&file).unwrap();
    update();
    assert!(blocks(&school));
    let (amber, why) = light(&school);
    assert!(amber == Light::Amber && why.contains("could not be had lately"), "{why}");
    std::fs::write(&file, "worst.example\nnext.example\n").unwrap();
    update();
    assert!(blocks(&school));
    assert_eq!(light(&school).0, Light::Green);
}

#[test]
fn when_its_copy_is_damaged_too_nothing_changes_until_it_is_back() {
    let school = Years::new();
    let file = school.dir.path().join("feed.txt");
    let other = school.dir.path().join("other.txt");
    std::fs::write(&file, "worst.example\n").unwrap();
    std::fs::write(&other, "bet.example\n").unwrap();
    let sources =
        [feed(&file), Source { location: Location::Path(other.clone()), ..domains("bets", "gambling") }];
    let update = |sources: &[Source]| school.lists.update(sources, false, &mut |_| {});
    update(&sources).unwrap();
    let copy = std::fs::read_dir(school.lists.copies()).unwrap().map(|entry| entry.unwrap().path());
    let copy = copy.into_iter().find(|path| path.to_string_lossy().contains("feed.")).unwrap();
    std::fs::write(copy, "").unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&other, "bet.example\nlotto.example\n").unwrap();
    assert!(matches!(update(&sources), Err(UpdateError::LockedLost { id, .. }) if id == "feed"));
    assert!(blocks(&school));
    std::fs::write(&file, "worst.example\n").unwrap();
    update(&sources).unwrap();
    assert!(blocks(&school));
    // The school decides what it declares; nobody else does.
    update(&sources[1..]).unwrap();
    assert!(!blocks(&school));
}
