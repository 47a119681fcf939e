//! What `explain` can be asked.

use serde::Deserialize;
use utoipa::IntoParams;

use super::query::Parameters;
use super::words::Address;

/// What can be asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Question {
    /// The name, as a person writes it.
    #[param(min_length = 1, example = "www.example.org")]
    pub name: String,
    /// Address of the device that asks; 127.0.0.1 when left out.
    #[param(value_type = Option<Address>, inline, example = "10.20.0.5")]
    pub client: Option<String>,
    /// Record type: `A` (when left out), `AAAA`, `HTTPS`, or `TYPE` and its number.
    #[param(example = "AAAA")]
    pub r#type: Option<String>,
    /// At which moment; now when left out.
    #[param(format = DateTime, example = "2026-09-02T12:30:00Z")]
    pub at: Option<String>,
    /// With the block lists as they were at this moment; as they are when left out. The policy is the one
    /// in force either way.
    #[param(format = DateTime, example = "2026-09-02T12:30:00Z")]
    pub as_of: Option<String>,
}

impl Parameters for Question {
    const POSSIBLE: &'static str = "Ask with `name`, and if needed `client`, `type`, `at` and `as_of`";
}
