//! What can be done about an answer that somebody did not expect: the lines to write, or that
//! nothing opens the name and who to turn to.

use admin_api::explain::Explanation;

/// The way out of a block or a refusal; none when nothing is blocked.
pub fn way_out(told: &Explanation) -> Option<String> {
    let (policy, name) = (&told.policy, &told.name);
    let rule = format!(
        "To open it for policy {policy}, write in policy.toml, under [[policy]] with id = \"{policy}\" (a preset has \
         none there: write a [[policy]] with an id of your own and extends = \"{policy}\", and name it in the \
         [[network]])\n\n  [[policy.rule]]\n  action = \"allow\"\n  name = \"{name}\"\n  reason = \"why, and who \
         asked\"\n\nand run `schoolgate reload`."
    );
    let sentence = match told.reason.id {
        "category" => format!(
            "{rule} If it must work everywhere, add it to names in [essentials] instead."
        ),
        "default" => {
            format!("{rule} For many sites, an [[approved]] list for {policy} is easier to look after.")
        }
        "rule" => format!("The block is a [[policy.rule]] of policy {policy}: change it there, or allow a more specific name."),
        "sealed" => "No rule opens a sealed name. If the list is wrong about it, tell whoever publishes the list; a category that another policy does not seal opens it for that policy's networks.".to_owned(),
        "locked" => "Nothing opens it, for anybody. If you believe it is listed wrongly, tell whoever publishes the feed.".to_owned(),
        "unknown-client" => "If the device is the school's, add its subnet to a [[network]]; `schoolgate doctor` shows who asks from where.".to_owned(),
        "not-ready" => "Run `schoolgate lists update`, then `schoolgate lists status` for what is wrong.".to_owned(),
        "target" => format!("What the name leads to is blocked. {rule}"),
        _ => return None,
    };
    matches!(told.verdict, "block" | "refuse").then_some(sentence)
}
