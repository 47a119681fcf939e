//! Every listen address, both transports, many at once.

use std::io::Write;
use std::time::Duration;

use crate::actors::{Plan, Pupil, Question, Reply, Transport, Upstream};
use crate::scene::{plan, scene};

#[test]
fn on_a_wildcard_address_the_answer_leaves_from_the_address_asked() {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).listens(&["0.0.0.0", "::"]).open();
    let port = school.server().port();
    for transport in [Transport::Udp, Transport::Tcp] {
        for asked in ["127.0.0.1", "127.0.0.53", "127.200.1.2"] {
            let pupil = Pupil::new(
                "127.20.0.5".parse().unwrap(),
                (asked.parse::<std::net::IpAddr>().unwrap(), port).into(),
            );
            // Blocked answers and forwarded ones leave by different ways.
            assert_eq!(
                pupil.send(transport, &Question::new("poker.example", "A")).said(),
                "NXDOMAIN",
                "{asked}"
            );
            assert_eq!(
                pupil.send(transport, &Question::new("shop.example", "A")).said(),
                "A 198.51.100.7",
                "{asked}"
            );
        }
        let pupil =
            Pupil::new("::1".parse().unwrap(), ("::1".parse::<std::net::IpAddr>().unwrap(), port).into());
        assert_eq!(pupil.send(transport, &Question::new("poker.example", "A")).said(), "NXDOMAIN");
        assert_eq!(pupil.send(transport, &Question::new("shop.example", "A")).said(), "A 198.51.100.7");
    }
}

#[test]
fn a_network_may_be_known_by_the_address_it_asks() {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).listens(&["0.0.0.0"]).open();
    // In no subnet: what counts is the address asked. Guests may see videos, unknown devices may not.
    for transport in [Transport::Udp, Transport::Tcp] {
        for (asked, said) in [("127.0.0.77", "A 198.51.100.7"), ("127.0.0.1", "NXDOMAIN")] {
            let server = (asked.parse::<std::net::IpAddr>().unwrap(), school.server().port()).into();
            let device = Pupil::new("127.99.0.5".parse().unwrap(), server);
            assert_eq!(device.send(transport, &Question::new("video.example", "A")).said(), said, "{asked}");
        }
    }
}

#[test]
fn several_listen_addresses_are_all_answered() {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).listens(&["127.0.0.2", "127.0.0.3", "::1"]).open();
    for asked in ["127.0.0.2", "127.0.0.3", "::1"] {
        let source = if asked == "::1" { "::1" } else { "127.20.0.5" };
        let server = (asked.parse::<std::net::IpAddr>().unwrap(), school.server().port()).into();
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = Pupil::new(source.parse().unwrap(), server)
                .send(transport, &Question::new("poker.example", "A"));
            assert_eq!(reply.said(), "NXDOMAIN", "{asked}");
        }
    }
}

#[test]
fn many_questions_down_one_connection_are_all_answered() {
    let scene = scene();
    let names: Vec<String> = (0..50)
        .map(|n| if n % 2 == 0 { format!("n{n}.casino.example") } else { format!("n{n}.shop.example") })
        .collect();
    let questions: Vec<Vec<u8>> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut bytes = Question::new(name, "A").bytes();
            bytes[1] = u8::try_from(n).unwrap();
            bytes
        })
        .collect();
    let replies = scene.pupil().pipeline(&questions);
    for (n, question) in questions.iter().enumerate() {
        let reply = replies
            .iter()
            .find(|reply| reply[..2] == question[..2])
            .unwrap_or_else(|| panic!("no answer to {}", names[n]));
        let expected = if n % 2 == 0 { "NXDOMAIN" } else { "A 198.51.100.7" };
        assert_eq!(Reply::read(reply.clone()).said(), expected, "{}", names[n]);
    }
}

#[test]
fn slow_tcp_clients_keep_nobody_from_asking() {
    let scene = scene();
    let holding: Vec<_> = (0..40)
        .filter_map(|n| {
            let slow = scene.school.pupil(&format!("127.20.4.{}", n + 1)).connect(Duration::from_secs(2))?;
            (&slow).write_all(&[0, 40, 1]).ok()?;
            Some(slow)
        })
        .collect();
    assert!(holding.len() >= 20);
    assert_eq!(scene.pupil().send(Transport::Udp, &Question::new("poker.example", "A")).said(), "NXDOMAIN");
    assert_eq!(scene.pupil().send(Transport::Tcp, &Question::new("poker.example", "A")).said(), "NXDOMAIN");
}

#[test]
fn one_client_has_only_so_many_connections_and_others_still_get_in() {
    let scene = scene();
    let greedy = scene.school.pupil("127.20.5.1");
    let open: Vec<_> = (0..60).filter_map(|_| greedy.connect(Duration::from_secs(2))).collect();
    assert_eq!(scene.pupil().send(Transport::Tcp, &Question::new("poker.example", "A")).said(), "NXDOMAIN");
    drop(open);
}

#[test]
fn a_tcp_message_that_is_all_length_and_no_content_ends_its_connection_only() {
    let scene = scene();
    for start in [&[0_u8, 0][..], &[0, 5, 1, 2, 3, 4, 5], &[0xff, 0xff]] {
        let mut stream = scene.pupil().connect(Duration::from_secs(2)).unwrap();
        stream.write_all(start).unwrap();
    }
    assert_eq!(scene.pupil().send(Transport::Tcp, &Question::new("poker.example", "A")).said(), "NXDOMAIN");
}

#[test]
fn the_same_question_from_many_is_asked_upstream_few_times() {
    let scene = scene();
    std::thread::scope(|threads| {
        for n in 0..50 {
            let pupil = scene.school.pupil(&format!("127.20.6.{}", n + 1));
            threads.spawn(move || {
                assert_eq!(pupil.ask("popular.example", "A").said(), "A 198.51.100.7");
            });
        }
    });
    assert!(
        scene.upstream.times_asked("popular.example") <= 5,
        "{}",
        scene.upstream.times_asked("popular.example")
    );
}

#[test]
fn a_school_may_listen_on_one_address_alone() {
    let upstream = Upstream::start();
    let school = Plan::new().forwards_to(&upstream).listens(&["127.0.0.1"]).open();
    assert_eq!(
        school.pupil("127.30.0.5").ask("shop.example", "A").said(),
        "A 198.51.100.7",
        "built-in policy"
    );
}
