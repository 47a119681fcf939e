//! What an update must know of the school so that lists that arrive overnight disturb no lesson.

use blocklists::category::{BUILT_IN, CategoryId};
use blocklists_update::held::Lessons;
use jiff::Timestamp;
use policy::{Policy, School, Verb};

use crate::config::Config;

/// Where the names that this school used are kept, in the state directory.
const USED_HERE: &str = "used-here";

/// The categories that some policy in use does not simply allow, and where used names are noted.
pub(super) fn lessons(config: &Config, school: &School) -> Lessons {
    let fed = school.sources().iter().flat_map(|source| source.category.iter().chain(source.map.values()));
    let built_in = BUILT_IN.iter().filter_map(|id| CategoryId::new(id));
    let known: Vec<CategoryId> = built_in.chain(fed.cloned()).collect();
    let policies = policies_in_use(school);
    let is_blocked = |category: &CategoryId| {
        policies.iter().any(|policy| !matches!(policy.verb(category), Verb::Allow | Verb::Watch))
    };
    Lessons {
        blocked: known.iter().filter(|category| is_blocked(category)).cloned().collect(),
        locked: known.iter().filter(|category| school.is_locked(category)).cloned().collect(),
        used_here: config.data.join(USED_HERE),
        today: Timestamp::now().to_zoned(zone(school)).date(),
    }
}

/// The school's time zone; the system's where the policy names none, or one that is not known here.
pub(crate) fn zone(school: &School) -> jiff::tz::TimeZone {
    let named = school.timezone().and_then(|name| jiff::tz::TimeZone::get(name).ok());
    named.unwrap_or_else(jiff::tz::TimeZone::system)
}

/// The policies that some network, group or device has; all of them where none has any.
fn policies_in_use(school: &School) -> Vec<&Policy> {
    let networks = school.networks().iter().map(|network| network.policy);
    let groups = school.groups().iter().filter_map(|group| group.policy);
    let devices = school.devices().iter().filter_map(|device| device.policy);
    let mut numbers: Vec<u16> = networks.chain(groups).chain(devices).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return school.policies().iter().collect();
    }
    numbers.into_iter().map(|number| school.policy(number)).collect()
}
