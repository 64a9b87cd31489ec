//! `/enter`, `/leave` and `/console.css`: how a browser enters, and what guards it.

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{Method, Request};

use super::harness::{Reply, Server, Setup, server, with};
use crate::ServerConfig;

/// What a browser sends: no token, and a page's origin.
fn browser(server: &Server, method: Method, uri: &str, form: &str) -> Request<Body> {
    let mut request = server.request(method.clone(), uri, form.to_owned());
    request.headers_mut().remove(AUTHORIZATION);
    if method == Method::POST {
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert(CONTENT_TYPE, form);
        request.headers_mut().insert("origin", "http://127.0.0.1:7420".parse().unwrap());
    }
    request
}

async fn get(server: &Server, uri: &str) -> Reply {
    server.send(browser(server, Method::GET, uri, "")).await
}

async fn post(server: &Server, uri: &str, form: &str) -> Reply {
    server.send(browser(server, Method::POST, uri, form)).await
}

/// Enters, and returns the cookie.
async fn entered(server: &Server) -> String {
    let reply = post(server, "/enter", &format!("code={}", server.code())).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[tokio::test]
async fn a_code_is_exchanged_for_a_cookie_once() {
    let server = server().await;
    let asked = get(&server, "/enter?next=/approvals/a1").await;
    assert_eq!(asked.status, 200);
    assert!(text(&asked).contains(r#"name="next" value="/approvals/a1""#));

    let form = format!("code={}&next=/approvals/a1", server.code());
    let reply = post(&server, "/enter", &form).await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.header("location"), "/approvals/a1");
    let cookie = reply.header("set-cookie");
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(value.strip_prefix("errand_session=").unwrap().len(), 64);

    let again = post(&server, "/enter", &form).await;
    assert_eq!(again.status, 422);
    assert!(again.headers.get("set-cookie").is_none());
    assert!(text(&again).contains(r#"role="alert""#));
}

#[tokio::test]
async fn where_tls_is_the_cookie_is_bound_to_it() {
    let config = ServerConfig { https: true, ..ServerConfig::default() };
    let server = Server::new(Setup { config, ..Setup::default() }).await;
    let reply = post(&server, "/enter", &format!("code={}", server.code())).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-errand_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn pages_are_guarded_and_stay_on_this_server() {
    let server = server().await;
    let page = get(&server, "/enter?next=//evil.example").await;
    assert!(!text(&page).contains("evil.example"));
    let policy = page.header("content-security-policy");
    for directive in ["default-src 'none'", "style-src 'self'", "form-action 'self'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    for directive in ["frame-ancestors 'none'", "base-uri 'none'", "img-src 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(!text(&page).contains("<script") && !text(&page).contains("style="));

    let form = format!("code={}&next=//evil.example", server.code());
    assert_eq!(post(&server, "/enter", &form).await.header("location"), "/approvals");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = server().await;
    let code = server.code();
    for _ in 0..10 {
        assert_eq!(post(&server, "/enter", "code=0000-0000-0000").await.status, 422);
    }
    let refused = post(&server, "/enter", &format!("code={code}")).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
}

#[tokio::test]
async fn who_has_entered_is_not_asked_again_and_may_leave() {
    let server = server().await;
    let cookie = entered(&server).await;
    let with_cookie =
        |request: Request<Body>| with(request, &[(COOKIE.as_str(), &format!("a=b; {cookie}"))]);
    let enter = || with_cookie(browser(&server, Method::GET, "/enter?next=/approvals/a", ""));
    assert_eq!(server.send(enter()).await.header("location"), "/approvals/a");

    let forged = with_cookie(browser(&server, Method::POST, "/leave", "csrf=0"));
    assert_eq!(server.send(forged).await.status, 403);
    assert_eq!(server.send(enter()).await.status, 303);

    let token = server.form_token(cookie.split_once('=').unwrap().1);
    let form = format!("csrf={token}");
    let left = server.send(with_cookie(browser(&server, Method::POST, "/leave", &form))).await;
    assert_eq!((left.status.as_u16(), left.header("location")), (303, "/enter"));
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(server.send(enter()).await.status, 200);
}

#[tokio::test]
async fn a_page_sends_those_who_have_not_entered_to_do_so() {
    let server = server().await;
    let left = post(&server, "/leave", "csrf=0").await;
    assert_eq!(left.status, 303);
    assert_eq!(left.header("location"), "/enter?next=%2Fleave");
    let cookie = "errand_session=0000; errand_session=; x=errand_session";
    let request = browser(&server, Method::POST, "/leave", "");
    let reply = server.send(with(request, &[("cookie", cookie)])).await;
    assert_eq!(reply.status, 303);
}

#[tokio::test]
async fn another_origin_cannot_enter_or_leave_for_a_person() {
    let server = server().await;
    let code = server.code();
    for origin in ["http://evil.example", "null"] {
        let request = browser(&server, Method::POST, "/enter", &format!("code={code}"));
        let reply = server.send(with(request, &[("origin", origin)])).await;
        reply.problem(403, "foreign_origin");
    }
    assert_eq!(post(&server, "/enter", &format!("code={code}")).await.status, 303);
}

#[tokio::test]
async fn a_form_must_be_one() {
    let server = server().await;
    let request = browser(&server, Method::POST, "/enter", "{}");
    let reply = server.send(with(request, &[("content-type", "application/json")])).await;
    assert_eq!(reply.status, 415);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    let huge = format!("code={}", "0".repeat(2 << 20));
    assert_eq!(post(&server, "/enter", &huge).await.status, 413);
}

#[tokio::test]
async fn the_stylesheet_is_sent_once() {
    let server = server().await;
    let sheet = get(&server, "/console.css").await;
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(sheet.header("x-content-type-options"), "nosniff");
    let tag = sheet.header("etag").to_owned();
    let request = browser(&server, Method::GET, "/console.css", "");
    let again = server.send(with(request, &[("if-none-match", &format!("\"x\", W/{tag}"))])).await;
    assert_eq!(again.status, 304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), tag);
}

#[tokio::test]
async fn the_pages_are_no_part_of_the_api() {
    let server = server().await;
    let api = server.get("/openapi.json").await.json();
    for path in ["/enter", "/leave", "/console.css"] {
        assert!(api["paths"].get(path).is_none(), "{path}");
    }
    // A token of the API opens no page.
    let reply = server.send(server.request(Method::GET, "/enter", Body::empty())).await;
    assert_eq!(reply.status, 200);
}

const PAGE: &str = "/approvals/01KAS4QZ8N3V6T1M9XH2YB7C5D";

#[tokio::test]
async fn a_page_of_who_has_not_entered_leads_there_and_back() {
    let server = server().await;
    let sent = get(&server, &format!("{PAGE}?a=b&c")).await;
    assert_eq!(sent.status, 303);
    let enter = sent.header("location").to_owned();
    assert_eq!(enter, "/enter?next=%2Fapprovals%2F01KAS4QZ8N3V6T1M9XH2YB7C5D%3Fa%3Db%26c");
    let asked = get(&server, &enter).await;
    let next = format!("name=\"next\" value=\"{PAGE}?a=b&amp;c\"");
    assert!(text(&asked).contains(&next), "{}", text(&asked));

    // A browser that follows another site's link does not say that it has a session: it is asked again,
    // this time from a page of this server.
    let followed =
        with(browser(&server, Method::GET, PAGE, ""), &[("sec-fetch-site", "cross-site")]);
    let reply = server.send(followed).await;
    assert_eq!(reply.status, 200);
    let again = format!("<meta http-equiv=\"refresh\" content=\"0;url={PAGE}\">");
    assert!(text(&reply).contains(&again), "{}", text(&reply));
    assert!(!text(&reply).contains("checkout"));
}

#[tokio::test]
async fn a_decision_comes_from_a_form_of_the_session_and_keeps_what_was_typed() {
    let server = server().await;
    let cookie = entered(&server).await;
    let token = server.form_token(cookie.split_once('=').unwrap().1);
    let send = async |method: Method, uri: &str, form: &str| {
        server.send(with(browser(&server, method, uri, form), &[("cookie", &cookie)])).await
    };
    let shown = send(Method::GET, PAGE, "").await;
    assert_eq!(shown.status, 200);
    assert!(text(&shown).contains(&format!("name=\"csrf\" value=\"{token}\"")));

    for form in ["decision=approve", "decision=approve&csrf=", "decision=approve&csrf=00"] {
        let forged = send(Method::POST, PAGE, form).await;
        assert_eq!(forged.status, 403, "{form}");
        assert!(text(&forged).contains("load its page again"));
    }
    let form = format!("csrf={token}&decision=approve&v/environment=1&v/replicas=99&comment=Fine");
    let wrong = send(Method::POST, PAGE, &form).await;
    assert_eq!(wrong.status, 422);
    for part in ["Change ticket: is needed", "value=\"99\"", "\nFine</textarea>"] {
        assert!(text(&wrong).contains(part), "{part}: {}", text(&wrong));
    }
    let form = format!("{form}&v/ticket=OPS-1");
    let wrong = send(Method::POST, PAGE, &form).await;
    assert!(text(&wrong).contains("greater than the maximum of 12</a>"), "{}", text(&wrong));
    let form = form.replace("=99", "=9");
    assert_eq!(send(Method::POST, PAGE, &form).await.status, 303);
    let denied = send(Method::POST, PAGE, &format!("csrf={token}&decision=deny")).await;
    assert_eq!(denied.status, 303);

    let missing = send(Method::GET, "/approvals/none", "").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("content-type"), "text/html; charset=utf-8");
}
