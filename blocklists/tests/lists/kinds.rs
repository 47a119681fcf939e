//! What the less usual kinds of entry mean: types, spared names, patterns, actions, addresses.

use std::net::IpAddr;

use blocklists::addresses::nftables;
use blocklists::category::CategoryId;
use blocklists::index::{EntryAction, Index};
use blocklists::name::Name;
use blocklists::source::{Format, Source, Trust};

use crate::{compiled, ids, source};

const A: u16 = 1;
const AAAA: u16 = 28;
const HTTPS: u16 = 65;

struct Lists(tempfile::TempDir, Vec<Source>);

impl Lists {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), Vec::new())
    }

    fn with(mut self, source: Source, text: &str) -> Self {
        std::fs::write(self.0.path().join(&source.id), text).unwrap();
        self.1.push(source);
        self
    }

    fn adblock(self, id: &str, category: &str, text: &str) -> Self {
        self.with(source(id, category, Format::Adblock), text)
    }

    fn index(&self) -> Index {
        Index::from_bytes(&compiled(self.0.path(), &self.1).bytes).unwrap()
    }
}

/// `here` and `below` of a name, for a type.
fn told(index: &Index, name: &str, rtype: u16) -> (Vec<String>, Vec<String>) {
    let found = index.find(Name::parse(name).unwrap().as_ref(), rtype);
    (ids(index, &found.here), ids(index, &found.below))
}

fn here(index: &Index, name: &str, rtype: u16) -> String {
    told(index, name, rtype).0.join(" ")
}

#[test]
fn an_entry_for_some_types_says_nothing_of_others() {
    let index = Lists::new()
        .adblock(
            "one",
            "ads",
            "||a.example^$dnstype=A|AAAA\n||b.example^$dnstype=~HTTPS\n||c.example^\n@@||x.c.example^$dnstype=HTTPS\n",
        )
        .index();
    for (name, rtype, expected) in [
        ("a.example", A, "ads"),
        ("x.a.example", AAAA, "ads"),
        ("a.example", HTTPS, ""),
        ("b.example", A, "ads"),
        ("b.example", HTTPS, ""),
        ("c.example", HTTPS, "ads"),
        ("x.c.example", HTTPS, ""),
        ("x.c.example", A, "ads"),
        ("y.x.c.example", HTTPS, ""),
    ] {
        assert_eq!(here(&index, name, rtype), expected, "{name} {rtype}");
    }
    // A name that is open for some type must never be denied as a whole.
    assert_eq!(told(&index, "a.example", A).1, [] as [&str; 0]);
    let found = index.find(Name::parse("c.example").unwrap().as_ref(), A);
    assert!(found.opens_below && !found.below.is_empty());
}

#[test]
fn what_a_rule_spares_it_says_nothing_of() {
    let index = Lists::new()
        .adblock(
            "one",
            "ads",
            "||a.example^$denyallow=ok.a.example|fine.a.example\n||deep.ok.a.example^\n@@||out.a.example^\n\
             ||b.example^\n||x.b.example^$denyallow=ok.x.b.example\n",
        )
        .adblock("two", "ads", "||fine.a.example^\n")
        .index();
    for (name, expected) in [
        ("a.example", "ads"),
        ("x.a.example", "ads"),
        ("ok.a.example", ""),
        ("y.ok.a.example", ""),
        ("deep.ok.a.example", "ads"),
        ("out.a.example", ""),
        ("fine.a.example", "ads"),
        // The rule for x.b.example spares it; the one for b.example does not.
        ("ok.x.b.example", "ads"),
    ] {
        assert_eq!(here(&index, name, A), expected, "{name}");
    }
}

#[test]
fn patterns_are_the_least_specific_lines_of_their_source() {
    let index = Lists::new()
        .adblock(
            "one",
            "ads",
            "/^banner[0-9]+\\./\n||good.example^\n@@||banner1.good.example^\n@@||banner7.example^\n\
             @@/^banner9/\n||banner99.example^\n/^stern[0-9]/$important\n@@||stern1.example^\n\
             @@||stern2.example^$important\n||kept.example^\n@@/^open\\.kept/$important\n/^typed\\./$dnstype=AAAA\n\
             /^wide\\./$denyallow=spared.example\n/^gone\\./\n/^gone\\./$badfilter\n",
        )
        .adblock("two", "games", "||banner7.example^\n")
        .index();
    for (name, rtype, expected) in [
        ("banner5.example", A, "ads"),
        ("x.banner5.example", A, ""),
        ("banner1.good.example", A, ""),
        ("banner7.example", A, "games"),
        ("banner9.example", A, ""),
        ("banner99.example", A, "ads"),
        ("stern1.example", A, "ads"),
        ("stern2.example", A, ""),
        ("kept.example", A, "ads"),
        ("open.kept.example", A, ""),
        ("other.kept.example", A, "ads"),
        ("typed.example", A, ""),
        ("typed.example", AAAA, "ads"),
        ("wide.example", A, "ads"),
        ("wide.spared.example", A, ""),
        ("gone.example", A, ""),
    ] {
        assert_eq!(here(&index, name, rtype), expected, "{name} {rtype}");
    }
    // A pattern says nothing of what is below, and may open it.
    assert_eq!(told(&index, "banner5.example", A).1, [] as [&str; 0]);
    assert_eq!(told(&index, "kept.example", A).1, [] as [&str; 0]);
}

#[test]
fn two_sources_confirm_each_other_by_whatever_kind() {
    let lists = || {
        Lists::new()
            .adblock("one", "adult", "/^xxx[0-9]/\n||line.example^\n||own.example^\n/^own\\./\n")
            .adblock("two", "adult", "||xxx1.example^\n/^line\\./\n/^xxx3/\n")
    };
    let index = lists().index();
    for (name, expected) in [
        ("xxx1.example", "adult"),
        ("xxx2.example", "adult/unconfirmed"),
        ("xxx3.example", "adult"),
        ("line.example", "adult"),
        ("own.example", "adult/unconfirmed"),
    ] {
        assert_eq!(here(&index, name, A), expected, "{name}");
    }
    let core = Source { trust: Trust::Core, ..source("core", "adult", Format::Adblock) };
    let index = lists().with(core, "/^xxx2/\n").index();
    assert_eq!(here(&index, "xxx2.example", A), "adult");
}

const ZONE: &str = "$TTL 60\n@ SOA localhost. root.localhost. 1 1 1 1 1\n@ NS localhost.\n\
    nx.example CNAME .\n*.nx.example CNAME .\nnodata.example CNAME *.\ndrop.example CNAME rpz-drop.\n\
    tcp.example CNAME rpz-tcp-only.\nwalled.example CNAME garden.example.\n\
    data.example A 192.0.2.7\ndata.example AAAA 2001:db8::7\nok.nx.example CNAME rpz-passthru.\n\
    32.9.2.0.192.rpz-ip CNAME rpz-drop.\n24.0.100.51.198.rpz-ip CNAME .\n32.7.100.51.198.rpz-ip CNAME rpz-passthru.\n\
    32.5.5.20.127.rpz-client-ip CNAME .\n";

fn action(index: &Index, name: &str, rtype: u16, stream: bool) -> Option<EntryAction> {
    let name = Name::parse(name).unwrap();
    let category = index.find_over(name.as_ref(), rtype, stream).here.iter().next()?;
    let number = index.action_of(name.as_ref(), rtype, stream, category)?;
    index.action(number).cloned()
}

#[test]
fn entries_say_how_they_are_answered() {
    let index = Lists::new()
        .with(source("zone", "malware", Format::Rpz), ZONE)
        .adblock("other", "games", "||data.example^\n||plain.example^\n")
        .index();
    let record = |rtype, rdata: &[u8]| blocklists::index::Record { rtype, ttl: 60, rdata: rdata.to_vec() };
    assert_eq!(action(&index, "nx.example", A, false), Some(EntryAction::NxDomain));
    assert_eq!(action(&index, "x.nx.example", A, false), Some(EntryAction::NxDomain));
    assert_eq!(action(&index, "nodata.example", A, false), Some(EntryAction::NoData));
    assert_eq!(action(&index, "drop.example", A, false), Some(EntryAction::Drop));
    assert_eq!(action(&index, "tcp.example", A, false), Some(EntryAction::TcpOnly));
    assert_eq!(action(&index, "tcp.example", A, true), None);
    assert_eq!(here(&index, "ok.nx.example", A), "");
    let name = Name::parse("data.example").unwrap();
    let malware = index.category_number(&CategoryId::new("malware/unconfirmed").unwrap()).unwrap();
    let games = index.category_number(&CategoryId::new("games").unwrap()).unwrap();
    let number = index.action_of(name.as_ref(), A, false, malware).unwrap();
    let mut last = [0; 16];
    last[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    last[15] = 7;
    let all = vec![record(A, &[192, 0, 2, 7]), record(AAAA, &last)];
    assert_eq!(index.action(number), Some(&EntryAction::Data(all)));
    assert_eq!(index.action_of(name.as_ref(), A, false, games), None);
    let walled = action(&index, "walled.example", A, false).unwrap();
    assert_eq!(walled.alias(name.as_ref()), Some(Name::parse("garden.example").unwrap()));
}

#[test]
fn addresses_are_in_the_categories_of_their_longest_prefixes() {
    let index = Lists::new().with(source("zone", "gambling", Format::Rpz), ZONE).index();
    let of = |address: &str| ids(&index, &index.addresses_of(address.parse().unwrap())).join(" ");
    for (address, expected) in [
        ("192.0.2.9", "gambling"),
        ("192.0.2.8", ""),
        ("192.0.2.10", ""),
        ("198.51.100.1", "gambling"),
        ("198.51.100.7", ""),
        ("198.51.100.8", "gambling"),
        ("198.51.100.255", "gambling"),
        ("198.51.101.0", ""),
        ("198.51.99.255", ""),
        ("2001:db8::1", ""),
    ] {
        assert_eq!(of(address), expected, "{address}");
    }
    let client: IpAddr = "127.20.5.5".parse().unwrap();
    assert_eq!(ids(&index, &index.clients_of(client)), ["gambling"]);
    assert!(index.clients_of("127.20.5.6".parse().unwrap()).is_empty());
    let listing = index.answer_listing("192.0.2.9".parse().unwrap());
    let number = index.address_action(listing, false, 0).unwrap();
    assert_eq!(index.action(number), Some(&EntryAction::Drop));
}

#[test]
fn a_firewall_gets_no_address_that_many_sites_share() {
    // Lists that are not always blocked lose such entries where they are read.
    let zone = "$TTL 60\n@ SOA . . 1 1 1 1 1\n32.9.2.0.192.rpz-ip CNAME .\n24.0.16.16.104.rpz-ip CNAME .\n\
        128.1.zz.db8.2001.rpz-ip CNAME .\n";
    let index = Lists::new().with(source("zone", "illegal/other", Format::Rpz), zone).index();
    let category = CategoryId::new("illegal/other").unwrap();
    let text = nftables(&index, &[category, CategoryId::new("games").unwrap()]);
    assert!(text.contains("set illegal_other_v4 {") && text.contains("192.0.2.9"), "{text}");
    assert!(text.contains("set illegal_other_v6 {") && text.contains("2001:db8::1"), "{text}");
    assert!(text.contains("set games_v4 {"), "{text}");
    assert!(text.contains("# left out of illegal_other: 104.16.16.0-104.16.16.255 (Cloudflare"), "{text}");
    assert!(
        !text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("104.16")),
        "{text}"
    );
    loads_in_nft(&text);
}

/// The real program reads it: checking asks the kernel, so it is done in a network of its own.
fn loads_in_nft(text: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let mut nft = std::process::Command::new("unshare");
    nft.args(["--map-root-user", "--net", "nft", "-c", "-f"]).arg(file.path());
    let output = nft.output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_locked_has_no_exceptions_of_any_kind() {
    let index = Lists::new()
        .adblock(
            "one",
            "illegal/other",
            "||a.example^$denyallow=x.a.example\n@@||y.a.example^\n/^bad[0-9]/\n@@/^bad1/$important\n",
        )
        .index();
    for name in ["a.example", "x.a.example", "y.a.example", "bad1.example", "bad2.example"] {
        assert_eq!(here(&index, name, A), "illegal/other", "{name}");
    }
}

#[test]
fn more_kinds_of_entries_than_one_index_tells_apart_are_told_with_a_line() {
    let mut zone = String::from("$TTL 60\n@ SOA a. b. 1 1 1 1 1\n");
    for number in 0..1100 {
        zone += &format!("n{number}.example A 10.1.{}.{}\n", number / 250, number % 250 + 1);
    }
    let mut types = String::from("||plain.example^\n");
    for rtype in 100..116 {
        types += &format!("||t{rtype}.example^$dnstype=TYPE{rtype}\n");
    }
    let lists = Lists::new()
        .with(Source { trust: Trust::Core, ..source("zone", "ads", Format::Rpz) }, &zone)
        .adblock("types", "games", &types)
        .adblock("neither", "video", "||v.example^\n");
    let compiled = compiled(lists.0.path(), &lists.1);
    let index = Index::from_bytes(&compiled.bytes).unwrap();
    let [zone, types, neither] = compiled.reports.as_slice() else { panic!("three lists") };
    assert_eq!((zone.widened, zone.samples[0].line), (1100, 3), "{zone:#?}");
    assert!(zone.samples[0].why.contains("answered as the policy answers"), "{zone:#?}");
    assert_eq!(here(&index, "n1099.example", A), "ads", "it is blocked all the same");
    assert_eq!((types.entries, types.unsupported["dnstype beyond 15"]), (16, 1));
    assert!(
        types.samples.iter().any(|sample| sample.line == 2 && sample.why.contains("ignored")),
        "{types:#?}"
    );
    assert_eq!(here(&index, "t115.example", 115), "");
    assert_eq!((neither.widened, neither.samples.len()), (0, 0));
}
