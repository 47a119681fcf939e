//! Fetching a list over HTTP: every wait and every length has a bound.

use std::io::Read;
use std::time::Duration;

use blocklists::read::SOURCE_BYTES_MAX;

use crate::error::NoCopy;

/// The whole of one fetch: a large list over a slow school line.
const WHOLE: Duration = Duration::from_secs(300);
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// Until an answer begins.
const ANSWER: Duration = Duration::from_secs(30);
/// Redirects followed.
const REDIRECTS_MAX: u32 = 5;

/// Fetches lists; one for an update, so that connections are used again.
pub(crate) struct Fetcher(ureq::Agent);

impl Fetcher {
    /// Ready to fetch.
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(WHOLE))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .max_redirects(REDIRECTS_MAX)
            .user_agent(concat!("schoolgate/", env!("CARGO_PKG_VERSION")));
        Self(config.build().into())
    }

    /// The bytes behind a URL, as they come.
    ///
    /// # Errors
    /// [`NoCopy`] with a sentence for people.
    pub(crate) fn get(&self, url: &str) -> Result<impl Read + use<>, NoCopy> {
        let answer = self.0.get(url).call().map_err(|error| NoCopy::Source(sentence(&error)))?;
        if answer.body().mime_type() == Some("text/html") {
            return Err(NoCopy::Unfit("the server sent a web page instead of a list".to_owned()));
        }
        Ok(answer.into_body().into_with_config().limit(SOURCE_BYTES_MAX).reader())
    }
}

fn sentence(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(code) => format!("the server answered with HTTP status {code}"),
        ureq::Error::HostNotFound => "the server's name is not known to DNS".to_owned(),
        ureq::Error::TooManyRedirects => format!("the server redirects more than {REDIRECTS_MAX} times"),
        ureq::Error::Timeout(_) => "the server takes too long".to_owned(),
        other => format!("cannot be fetched: {other}"),
    }
}
