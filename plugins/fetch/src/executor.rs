//! The edge to the host: asks for `robots.txt`, follows redirects, writes the file and keeps it.

use crate::input::{INPUT_SCHEMA, Input, OUTPUT_SCHEMA, Obedience};
use crate::name::file_name;
use crate::robots::{self, Robots};
use requests::bindings::errand::task::artifacts::{self, Description};
use requests::bindings::errand::task::execution::{Descriptor, Failure, Persistence};
use requests::bindings::errand::task::progress;
use requests::bindings::errand::task::types::Error;
use requests::bindings::{Guest, export};
use requests::{Fault, Reason, Request, Response};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use url::{Origin, Position, Url};

mod exported {
    use super::{Executor, export};
    export!(Executor with_types_in requests::bindings);
}

const WORKSPACE: &str = "/workspace";
/// How far redirects of a `robots.txt` are followed: RFC 9309 wants five at least.
const ROBOTS_REDIRECTS: usize = 5;

struct Executor;

#[derive(Serialize)]
struct Output {
    url: Url,
    path: String,
    bytes: u64,
    media_type: Option<String>,
    charset: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    redirects: Vec<Url>,
}

impl Guest for Executor {
    fn describe() -> Descriptor {
        Descriptor {
            description:
                "Fetches a page or a file into an artifact, and obeys the site's robots.txt."
                    .to_owned(),
            input_schema: INPUT_SCHEMA.to_owned(),
            output_schema: OUTPUT_SCHEMA.to_owned(),
        }
    }

    fn run(input: String) -> Result<String, Failure> {
        let input = Input::from_json(&input)
            .map_err(|error| permanent("invalid_input", error.to_string()))?;
        let output = Fetch { input: &input, sites: HashMap::new() }.run()?;
        serde_json::to_string(&output).map_err(|error| permanent("internal", error.to_string()))
    }
}

/// One task's way to what it fetches.
struct Fetch<'a> {
    input: &'a Input,
    /// What each site says to robots.
    sites: HashMap<Origin, Robots>,
}

impl Fetch<'_> {
    fn run(mut self) -> Result<Output, Failure> {
        let mut url = self.input.url.clone();
        let mut redirects = Vec::new();
        loop {
            self.ask_robots(&url)?;
            progress::report(redirects.len() as u64, None, Some(&format!("asking for {url}")));
            let response = self.request(&url).send().map_err(|fault| unanswered(&fault))?;
            let Some(next) = redirect(&url, &response) else {
                return self.keep(url, redirects, response);
            };
            if redirects.len() >= self.input.max_redirects {
                let bound = self.input.max_redirects;
                let message = format!("more than {bound} redirects, the last to {next}");
                redirects.push(url);
                let detail = json!({ "redirects": redirects, "max_redirects": bound });
                return Err(Failure {
                    detail: Some(detail.to_string()),
                    ..permanent("too_many_redirects", message)
                });
            }
            redirects.push(std::mem::replace(&mut url, next));
        }
    }

    fn request(&self, url: &Url) -> Request {
        let mut request = Request::get(url.clone())
            .header("user-agent", &self.input.user_agent)
            .timeout(Duration::from_secs(self.input.timeout_s));
        if !self.input.accept.is_empty() {
            request = request.header("accept", &self.input.accept.join(", "));
        }
        if url.origin() == self.input.url.origin() {
            for (name, value) in &self.input.headers {
                request = request.header(name, value);
            }
        }
        request
    }

    /// Fails where the site does not want this URL to be asked for.
    fn ask_robots(&mut self, url: &Url) -> Result<(), Failure> {
        if self.input.robots == Obedience::Ignore {
            return Ok(());
        }
        let site = url.origin();
        if !self.sites.contains_key(&site) {
            let robots = self.robots_of(url)?;
            self.sites.insert(site.clone(), robots);
        }
        let path = &url[Position::BeforePath..Position::AfterQuery];
        if self.sites.get(&site).is_none_or(|robots| robots.allows(path)) {
            return Ok(());
        }
        let message = format!(
            "the robots.txt of {} does not allow {} to fetch {path}; \"robots\": \"ignore\" is for what is your own",
            host(url),
            self.input.token()
        );
        Err(permanent("disallowed_by_robots", message))
    }

    /// Reads a site's `robots.txt`: where there is none, everything is allowed; where the site can't say, nothing.
    fn robots_of(&self, url: &Url) -> Result<Robots, Failure> {
        let unclear = |what: String| {
            let message = format!("the robots.txt of {} can't be read: {what}", host(url));
            Failure {
                persistence: Persistence::Transient,
                ..permanent("robots_unavailable", message)
            }
        };
        let mut at = url.join("/robots.txt").map_err(|error| unclear(error.to_string()))?;
        for _ in 0..=ROBOTS_REDIRECTS {
            let mut response = match self.request(&at).send() {
                Err(fault) if fault.reason == Reason::Denied => return Err(unanswered(&fault)),
                Err(fault) => return Err(unclear(fault.message)),
                Ok(response) => response,
            };
            if let Some(next) = redirect(&at, &response) {
                at = next;
                continue;
            }
            return match response.status() {
                200..=299 => {
                    let text = response.rest(robots::MAX_BYTES);
                    let text = text.map_err(|fault| unclear(fault.message))?;
                    Ok(Robots::for_robot(&text, self.input.token()))
                }
                // Asked too often is not "there is none", though the standard counts it so.
                status @ (429 | 500..) => Err(unclear(format!("the site answers {status}"))),
                _ => Ok(Robots::default()),
            };
        }
        // Who leads on and on has none: RFC 9309, section 2.3.1.2.
        Ok(Robots::default())
    }

    /// Writes what came into the workspace, and keeps it.
    fn keep(
        &self,
        url: Url,
        redirects: Vec<Url>,
        mut response: Response,
    ) -> Result<Output, Failure> {
        if !(200..300).contains(&response.status()) {
            return Err(refused(&url, &mut response));
        }
        let (media_type, charset) = media_type(response.header("content-type"));
        if !self.input.accepts(media_type.as_deref()) {
            let what = media_type.as_deref().unwrap_or("of no media type");
            let wanted = self.input.accept.join(", ");
            let message = format!("{url} is {what}; wanted is {wanted}");
            return Err(permanent("media_type_not_accepted", message));
        }
        let path =
            self.input.path.clone().unwrap_or_else(|| file_name(&url, media_type.as_deref()));
        let bytes = self.write(&Path::new(WORKSPACE).join(&path), &url, &mut response)?;
        let description =
            Description { media_type: media_type.clone(), text: Some(format!("From {url}")) };
        match artifacts::publish(&path, &description) {
            // The file is in the workspace, where the request's `artifacts` can name it.
            Ok(()) | Err(Error::Unsupported(_)) => {}
            Err(error) => {
                return Err(permanent("not_kept", format!("{path} could not be kept: {error:?}")));
            }
        }
        let header = |name: &str| response.header(name).map(str::to_owned);
        let (etag, last_modified) = (header("etag"), header("last-modified"));
        Ok(Output { url, path, bytes, media_type, charset, etag, last_modified, redirects })
    }

    fn write(&self, file: &Path, url: &Url, response: &mut Response) -> Result<u64, Failure> {
        let failed = |error: std::io::Error| {
            permanent("not_written", format!("{} could not be written: {error}", file.display()))
        };
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut written = File::create(file).map_err(failed)?;
        let mut bytes = 0_u64;
        while let Some(piece) = response.piece().map_err(|fault| unanswered(&fault))? {
            bytes += piece.len() as u64;
            if bytes > self.input.max_bytes {
                drop(written);
                std::fs::remove_file(file).map_err(failed)?;
                let bound = self.input.max_bytes;
                let message = format!("{url} has more than {bound} bytes (\"max_bytes\")");
                let detail = json!({ "max_bytes": bound });
                return Err(Failure {
                    detail: Some(detail.to_string()),
                    ..permanent("too_large", message)
                });
            }
            written.write_all(&piece).map_err(failed)?;
        }
        Ok(bytes)
    }
}

/// Returns where an answer leads, where it does.
fn redirect(from: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut next = from.join(response.header("location")?).ok()?;
    next.set_fragment(None);
    matches!(next.scheme(), "http" | "https").then_some(next)
}

/// Reads `text/html; charset="utf-8"`.
fn media_type(header: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(header) = header else { return (None, None) };
    let mut parts = header.split(';').map(str::trim);
    let media = parts.next().filter(|media| media.contains('/')).map(str::to_ascii_lowercase);
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_owned())
    });
    (media, charset)
}

/// Reads an answer that is no page.
fn refused(url: &Url, response: &mut Response) -> Failure {
    let status = response.status();
    let (code, persistence) = match status {
        401 | 403 | 407 => ("unauthorized", Persistence::Permanent),
        404 | 410 => ("not_found", Persistence::Permanent),
        408 | 425 | 429 | 500.. => ("unavailable", Persistence::Transient),
        _ => ("rejected", Persistence::Permanent),
    };
    let detail = json!({ "status": status, "retry_after": response.header("retry-after") });
    Failure {
        persistence,
        detail: Some(detail.to_string()),
        ..permanent(code, format!("{url} answers {status}"))
    }
}

fn unanswered(fault: &Fault) -> Failure {
    let (code, persistence) = match fault.reason {
        Reason::Denied => ("denied", Persistence::Permanent),
        Reason::Invalid => ("invalid_input", Persistence::Permanent),
        Reason::TooLarge => ("too_large", Persistence::Permanent),
        Reason::Unreachable | Reason::Unknown | Reason::TimedOut => {
            ("unreachable", Persistence::Transient)
        }
    };
    Failure { persistence, ..permanent(code, fault.message.clone()) }
}

fn permanent(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, detail: None, persistence: Persistence::Permanent }
}

fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
