//! The second opinion has to be right itself.

use std::collections::BTreeMap;

use blocklists::category::CategoryId;

use super::*;

/// Lists as `(category, format, text)`, each a source of its own.
fn naive(lists: &[(&str, Format, &str)]) -> Naive {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut naive = Naive::default();
    for (number, (category, format, text)) in lists.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, text).expect("a list written");
        let source = Source {
            id: number.to_string(),
            category: CategoryId::new(category),
            format: *format,
            location: Location::Path(path),
            span: None,
            trust: Trust::Normal,
            map: BTreeMap::new(),
            licence: None,
            locked: false,
            actions: blocklists::source::Actions::Entry,
        };
        naive.add(&source).expect("a list read");
    }
    naive
}

#[test]
fn each_format_means_what_the_design_says() {
    let naive = naive(&[
        ("games", Format::Domains, "a.example # why\n*.b.example\n192.0.2.1\n"),
        ("ads", Format::Hosts, "0.0.0.0 c.example localhost\n192.0.2.1 d.example\n:: *.e.example\n"),
        ("drugs", Format::Adblock, "||f.example^\n@@||ok.f.example^\n|g.example^\n||h.example.\n"),
    ]);
    for (name, expected) in [
        ("x.a.example", "games"),
        ("b.example", "games"),
        ("c.example", "ads"),
        ("_8443._https.c.example", "ads"),
        ("x.c.example", ""),
        ("d.example", ""),
        ("e.example", ""),
        ("x.e.example", "ads"),
        ("f.example", "drugs"),
        ("x.ok.f.example", ""),
        ("g.example", "drugs"),
        ("x.g.example", ""),
        ("h.example", ""),
    ] {
        assert_eq!(naive.categories(name).join(" "), expected, "{name}");
    }
}

#[test]
fn zones_and_dnsmasq_lines_mean_what_the_design_says() {
    let zone = "$ORIGIN z.rpz.\n@ SOA a. b. ( 1 ; serial\n 2 3 4 5 )\n NS c.\n\
                a.example CNAME .\n*.b.example.z.rpz. 60 IN CNAME *.\nok.b.example CNAME rpz-passthru.\n\
                old.b.example CNAME old.b.example.\n32.1.2.0.192.rpz-ip CNAME .\nc.example A 192.0.2.1\n";
    let naive = naive(&[
        ("games", Format::Rpz, zone),
        (
            "ads",
            Format::Dnsmasq,
            "server=/d.example/127.0.0.1\nserver=/x.d.example/#\naddress=/e.example/192.0.2.1\nlocal=/*.f.example/ # f\n\
             server=/i.example/#\nlocal=/*.i.example/\n",
        ),
        ("drugs", Format::Adblock, "||g.example^$dnstype=AAAA\n||h.example^$dnstype=~AAAA\n"),
    ]);
    for (name, expected) in [
        ("a.example", "games"),
        ("x.a.example", ""),
        ("b.example", ""),
        ("x.b.example", "games"),
        ("ok.b.example", ""),
        ("old.b.example", ""),
        ("c.example", "games"),
        ("d.example", "ads"),
        ("y.x.d.example", ""),
        ("e.example", ""),
        ("f.example", ""),
        ("x.f.example", "ads"),
        ("i.example", ""),
        ("x.i.example", "ads"),
        ("g.example", ""),
        ("h.example", "drugs"),
    ] {
        assert_eq!(naive.categories(name).join(" "), expected, "{name}");
    }
}

#[test]
fn strict_categories_want_two_sources_and_exceptions_clear_their_own() {
    let naive = naive(&[
        ("adult", Format::Adblock, "||a.example^\n||b.example^\n@@||x.a.example^\n"),
        ("adult", Format::Domains, "a.example\n"),
        ("illegal/other", Format::Adblock, "||c.example^\n@@||c.example^\n"),
        (
            "games",
            Format::Adblock,
            "||d.example^\n@@||d.example^$important\n|d.example^$important\n||e.example^\n||e.example^$badfilter\n",
        ),
    ]);
    assert_eq!(naive.categories("a.example"), ["adult"]);
    assert_eq!(naive.categories("x.a.example"), ["adult/unconfirmed"]);
    assert_eq!(naive.categories("b.example"), ["adult/unconfirmed"]);
    assert_eq!(naive.categories("c.example"), ["illegal/other"]);
    assert_eq!(naive.categories("d.example"), ["games"]);
    assert!(naive.categories("x.d.example").is_empty());
    assert!(naive.categories("e.example").is_empty());
}
