//! The admin API is on the box's loopback: no VLAN reaches it.

use crate::actors::Exit;
use crate::site::{MANAGEMENT, OUTSIDE, VLANS, site};

/// curl: the connection was refused, or there is no way.
const NO_CONNECTION: Option<i32> = Some(7);

#[test]
fn the_admin_api_answers_on_the_box_and_nowhere_else() {
    let site = site();
    let health = site.on_the_box(&["healthcheck"]);
    assert_eq!((health.code, health.out.trim()), (Some(0), "ready"), "{}", health.err);
    let mut curl = site.machine.command("curl");
    let page = Exit::of(curl.args(["--silent", "--include", "http://127.0.0.1:8053/readyz"]));
    assert!(page.out.starts_with("HTTP/1.1 200"), "{page:?}");

    for vlan in VLANS {
        let device = site.device(vlan);
        for server in
            [vlan.host(1), MANAGEMENT.host(1), OUTSIDE[0].into(), vlan.global(1), "fe80::1%eth0".into()]
        {
            // DNS says something there (which, depends on the VLAN), so there is a way.
            assert_ne!(device.ask(&server, "+tcp shop.example").said(), "");
            let host =
                if server.contains(':') { format!("[{}]", server.replace('%', "%25")) } else { server };
            let fetched = device.fetches(&format!("http://{host}:8053/readyz"));
            assert_eq!(fetched, NO_CONNECTION, "{vlan:?} at {host}");
        }
    }
}
