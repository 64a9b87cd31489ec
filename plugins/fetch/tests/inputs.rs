//! Inputs and the names of files.

use fetch::{Input, file_name};
use serde_json::{Value, json};
use url::Url;

fn refused(input: &Value) -> String {
    Input::from_json(&input.to_string()).expect_err("it is no input").to_string()
}

fn read(input: &Value) -> Input {
    Input::from_json(&input.to_string()).expect("it is an input")
}

#[test]
fn what_can_not_be_fetched_is_refused() {
    assert!(refused(&json!({"url": "ftp://example.com/x"})).contains("no http or https URL"));
    assert!(refused(&json!({"url": "nowhere"})).contains("relative URL without a base"));
    assert!(refused(&json!({"url": "http://u:p@example.com"})).contains("credentials"));
    assert!(refused(&json!({"url": "http://h/", "robots": "maybe"})).contains("unknown variant"));
    assert!(refused(&json!({"url": "http://h/", "user_agent": "1"})).contains("begin with a name"));
    let said = refused(&json!({"url": "http://h/", "headers": {"User-Agent": "other"}}));
    assert!(said.contains("a field of its own"), "{said}");
    for path in ["/etc/passwd", "../x", "a/../../x", "a/", "./", ""] {
        let said = refused(&json!({"url": "http://h/", "path": path}));
        assert!(said.contains("is no path of a file"), "{path}: {said}");
    }
}

#[test]
fn media_types_fit_whole_or_by_their_kind() {
    let input = read(&json!({"url": "http://h/#part", "accept": ["text/html", "Image/*"]}));
    assert_eq!(input.url.as_str(), "http://h/");
    assert!(input.accepts(Some("text/html")) && input.accepts(Some("image/png")));
    assert!(!input.accepts(Some("text/plain")) && !input.accepts(None));
    assert!(read(&json!({"url": "http://h/"})).accepts(None));
}

#[test]
fn who_asks_is_named_by_the_first_word() {
    assert_eq!(read(&json!({"url": "http://h/"})).token(), "errand-fetch");
    let input = json!({"url": "http://h/", "user_agent": "My_Bot/1.0 (+https://example.com)"});
    assert_eq!(read(&input).token(), "My_Bot");
}

#[test]
fn a_file_is_named_after_its_url() {
    let name =
        |url: &str, media: Option<&str>| file_name(&Url::parse(url).expect("it is a URL"), media);
    assert_eq!(name("https://example.com/", Some("text/html")), "index.html");
    assert_eq!(name("https://example.com/a/page", Some("text/html")), "page.html");
    assert_eq!(name("https://example.com/a/report.pdf?x=1", Some("text/html")), "report.pdf");
    assert_eq!(name("https://example.com/a/", None), "a");
    assert_eq!(name("https://example.com/%2e%2e%2Fetc%2Fpasswd", None), "etc-passwd");
    assert_eq!(name("https://example.com/.bashrc", None), "bashrc");
    assert_eq!(name("https://example.com/gr%C3%BC%C3%9Fe.txt", None), "grüße.txt");
    assert_eq!(name("https://example.com/%ff%00", None), "index");
    let long = name(&format!("https://example.com/{}", "ü".repeat(500)), None);
    assert!(long.len() <= 120 && long.chars().all(|letter| letter == 'ü'), "{long}");
}
