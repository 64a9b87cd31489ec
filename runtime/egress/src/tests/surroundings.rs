//! What the environment may say, and what it may not. Each test runs itself again in a process of its own,
//! since a process has but one environment.

use std::process::Command;

use super::*;
use crate::tests::servers::{echoing, raw, tls};

/// Runs one of the tests below with these variables.
fn again(test: &str, variables: &[(&str, &str)]) {
    #[expect(clippy::disallowed_methods, reason = "the test itself, with another environment")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("tests::surroundings::{test}"), "--ignored"]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_ignored() {
    let server = echoing().await;
    let proxy = raw(|_, _| async { panic!("the proxy was asked") }).await;
    let (url, proxy) = (format!("http://{server}"), format!("http://{proxy}"));
    let proxied =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut variables: Vec<(&str, &str)> = proxied.map(|name| (name, proxy.as_str())).into();
    variables.push(("ERRAND_TEST_URL", &url));
    tokio::task::block_in_place(|| again("asks_directly", &variables));
}

#[tokio::test]
#[ignore = "run by `proxies_of_the_environment_are_ignored`"]
async fn asks_directly() {
    let url = std::env::var("ERRAND_TEST_URL").unwrap();
    let client = Setup::granting(json!([{"url": url}])).client();
    let answer = text(get(&client, &url).await).await;
    assert!(answer.contains("GET / HTTP/1.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_are_the_ones_that_the_environment_names() {
    let server = tls(&[], &["h2"], |_| http::Response::new(Bytes::from_static(b"trusted"))).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, server.root_pem.as_bytes()).unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    let path = file.path().to_str().unwrap();
    let variables = [("SSL_CERT_FILE", path), ("ERRAND_TEST_URL", url.as_str())];
    tokio::task::block_in_place(|| again("trusts_the_file", &variables));
}

#[tokio::test]
#[ignore = "run by `authorities_are_the_ones_that_the_environment_names`"]
async fn trusts_the_file() {
    let url = std::env::var("ERRAND_TEST_URL").unwrap();
    let client = Setup::granting(json!([{"url": url}])).client();
    assert_eq!(text(get(&client, &url).await).await, "trusted");
}
